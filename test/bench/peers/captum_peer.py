"""Bench peer: captum's TracInCP, scores and self-influence.

    python captum_peer.py FOLDER --arch mlp

Gradients of the examples of a batch come from one pass where captum can do that: in models of nothing but linear layers and convolutions. Elsewhere it takes
the gradient of each example by itself, and the batch does not matter.
"""

import warnings
from pathlib import Path

from captum.influence import TracInCP
from torch import nn
from torch.utils.data import TensorDataset
from workspace import main

IN_ONE_PASS = ("mlp", "cnn")


def prepare(workspace, batch):
    rates = dict(enumerate(workspace.rates))

    def load(module, number):
        module.load_state_dict(workspace.states[number], strict=False)
        return rates[number]

    at_once = workspace.architecture in IN_ONE_PASS
    tracin = TracInCP(
        workspace.model(),
        TensorDataset(workspace.train_x, workspace.train_y),
        list(rates),
        load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum" if at_once else "none"),
        batch_size=batch,
        sample_wise_grads_per_batch=at_once,
    )

    def scores():
        return tracin.influence((workspace.query_x, workspace.query_y)).detach()

    def self_influence():
        return tracin.self_influence().detach()

    return scores, self_influence


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main("captum", Path(__file__).resolve(), lambda name: [32, 64, 256] if name in IN_ONE_PASS else [8], prepare)
