"""Bench peer: captum's TracInCP, scores and self-influence, sample-wise gradients per batch.

    python captum_peer.py FOLDER --arch mlp
"""

import warnings
from pathlib import Path

from captum.influence import TracInCP
from torch import nn
from torch.utils.data import TensorDataset

from workspace import main


def prepare(workspace, batch):
    model = workspace.model()
    rates = dict(enumerate(workspace.rates))

    def load(module, number):
        module.load_state_dict(workspace.states[number])
        return rates[number]

    tracin = TracInCP(
        model,
        TensorDataset(workspace.train_x, workspace.train_y),
        list(rates),
        load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=batch,
        sample_wise_grads_per_batch=True,
    )

    def scores():
        return tracin.influence((workspace.query_x, workspace.query_y)).detach()

    def self_influence():
        return tracin.self_influence().detach()

    return scores, self_influence


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main("captum", Path(__file__).resolve(), [32, 64, 256], prepare)
