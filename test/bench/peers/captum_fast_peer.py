"""Bench peer: captum's TracInCPFast, which knows the last layer alone; scores and self-influence.

    python captum_fast_peer.py FOLDER --arch mlp
"""

import warnings
from pathlib import Path

from captum.influence import TracInCPFast
from torch import nn
from torch.utils.data import TensorDataset
from workspace import main


def settings(workspace, batch):
    """The arguments that captum's classes for the last layer share."""
    rates = dict(enumerate(workspace.rates))

    def load(module, number):
        module.load_state_dict(workspace.states[number], strict=False)
        return rates[number]

    model = workspace.model()
    data = TensorDataset(workspace.train_x, workspace.train_y)
    layer = getattr(model, workspace.kind.last)
    return (model, layer, data, list(rates), load, nn.CrossEntropyLoss(reduction="sum"), batch)


def prepare(workspace, batch):
    tracin = TracInCPFast(*settings(workspace, batch))
    return lambda: tracin.influence((workspace.query_x, workspace.query_y)).detach(), lambda: tracin.self_influence().detach()


def batches(_):
    return [256, 1024]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main("captum_fast", Path(__file__).resolve(), batches, prepare)
