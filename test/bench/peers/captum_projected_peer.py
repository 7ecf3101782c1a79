"""Bench peer: captum's TracInCPFastRandProj: projections of the last layer's gradients are made once and kept, a question is a product with them.

    python captum_projected_peer.py FOLDER --arch mlp

Timed are both, the projections of all training examples and the answer for the queries. Its index of nearest neighbours, which
scores of all examples do not need, is left out (it takes the package annoy).
"""

import warnings
from pathlib import Path

from captum.influence import TracInCPFastRandProj
from captum.influence._utils.nearest_neighbors import NearestNeighbors
from captum_fast_peer import batches, settings
from workspace import main

DIMENSION = 256


class NoNeighbours(NearestNeighbors):
    def setup(self, data):
        pass

    def get_nearest_neighbors(self, query, k):
        raise NotImplementedError


def prepare(workspace, batch):
    def scores():
        tracin = TracInCPFastRandProj(*settings(workspace, batch), nearest_neighbors=NoNeighbours(), projection_dim=DIMENSION)
        kept = tracin.src_intermediate_quantities
        workspace.kept = kept.numel() * kept.element_size()
        return tracin.influence((workspace.query_x, workspace.query_y), k=None).detach()

    return scores, None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main("captum_projected", Path(__file__).resolve(), batches, prepare)
