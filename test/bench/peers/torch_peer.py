"""Bench peer: TracInCP factorised by hand in PyTorch, scores and self-influence in one pass.

    python torch_peer.py FOLDER --arch mlp

One batched forward and backward pass gives every layer's activations and deltas; no gradient of a weight is formed
for dense layers: (a.a' + 1)(d.d'). Convolutions form each example's gradient from unfolded patches.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from workspace import main


class Dense:
    """Activations [n, inputs] and deltas [n, outputs] of a dense layer with bias."""

    def __init__(self, activations, deltas):
        self.activations, self.deltas = activations, deltas

    def products(self, query):
        return (query.activations @ self.activations.T + 1) * (query.deltas @ self.deltas.T)

    def squares(self):
        return ((self.activations**2).sum(1) + 1) * (self.deltas**2).sum(1)


class Explicit:
    """Gradients of a convolution by example, weight and bias: [n, outputs * (patch + 1)]."""

    def __init__(self, image, deltas):
        patches = F.unfold(image, 3, padding=1)
        deltas = deltas.flatten(2)
        weight = torch.einsum("nop,nkp->nok", deltas, patches)
        self.gradient = torch.cat([weight.flatten(1), deltas.sum(2)], 1)

    def products(self, query):
        return query.gradient @ self.gradient.T

    def squares(self):
        return (self.gradient**2).sum(1)


def mlp_layers(weights, x, y):
    z1 = F.linear(x, weights["fc1.weight"], weights["fc1.bias"]).requires_grad_()
    h1 = F.relu(z1)
    z2 = F.linear(h1, weights["fc2.weight"], weights["fc2.bias"])
    h2 = F.relu(z2)
    z3 = F.linear(h2, weights["fc3.weight"], weights["fc3.bias"])
    d1, d2, d3 = torch.autograd.grad(F.cross_entropy(z3, y, reduction="sum"), [z1, z2, z3])
    return [Dense(x, d1), Dense(h1.detach(), d2), Dense(h2.detach(), d3)]


def cnn_layers(weights, x, y):
    z1 = F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"], padding=1).requires_grad_()
    h1 = F.max_pool2d(F.relu(z1), 2)
    z2 = F.conv2d(h1, weights["conv2.weight"], weights["conv2.bias"], padding=1)
    h2 = F.max_pool2d(F.relu(z2), 2).flatten(1)
    z3 = F.linear(h2, weights["fc.weight"], weights["fc.bias"])
    d1, d2, d3 = torch.autograd.grad(F.cross_entropy(z3, y, reduction="sum"), [z1, z2, z3])
    return [Explicit(x, d1), Explicit(h1.detach(), d2), Dense(h2.detach(), d3)]


def prepare(workspace, batch):
    layers_of = mlp_layers if workspace.architecture == "mlp" else cnn_layers

    def score():
        count, queries = len(workspace.train_y), len(workspace.query_y)
        scores, own = torch.zeros(queries, count), torch.zeros(count)
        for weights, rate in zip(workspace.states, workspace.rates, strict=True):
            asked = layers_of(weights, workspace.query_x, workspace.query_y)
            for start in range(0, count, batch):
                rows = slice(start, start + batch)
                found = layers_of(weights, workspace.train_x[rows], workspace.train_y[rows])
                for layer, query in zip(found, asked, strict=True):
                    scores[:, rows] += rate * layer.products(query)
                    own[rows] += rate * layer.squares()
        return scores, own

    return score, None


if __name__ == "__main__":
    main("torch", Path(__file__).resolve(), lambda _: [32, 64, 256, 1024], prepare)
