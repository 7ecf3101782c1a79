"""Scores on single outputs of a regression, from PyTorch autograd in float64.

    python test/golden/outputs.py

For the golden loss-smooth-l1 (test/golden/losses.py), and the same model with other losses: the training side has its whole loss, the
query only what one output contributes to its own: its element of the sum, or of the mean. [K, C, N, M], rates multiplied in.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from losses import Perceptron
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test/unit/golden/tracin/loss-smooth-l1"
LOSSES = {
    "smooth-l1-sum": lambda x, t: F.smooth_l1_loss(x, t, reduction="none", beta=0.4),
    "mse-mean": lambda x, t: (x - t) ** 2 / x.numel(),
    "mae-sum": lambda x, t: (x - t).abs(),
    # Targets that are missing (every second output of every second example, 0 or 2 in turn): the mean is over the others.
    "mse-mean-missing": lambda x, t, row: (x - t) ** 2 * has_target(row) / has_target(row).sum(),
}


def has_target(row):
    mask = torch.ones(3)
    if row % 2 == 1:
        mask[row % 4 - 1] = 0
    return mask


def gradient(model, loss):
    found = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    return torch.cat([part.flatten() for part in found])


def main():
    torch.set_default_dtype(torch.float64)
    golden = json.loads((GOLDEN / "golden.json").read_text())
    inputs = {key: value.double() for key, value in load_file(GOLDEN / "inputs.safetensors").items()}
    model = Perceptron(3, None)
    tensors = {}
    for name, elements in LOSSES.items():
        scores = []
        for file, rate in zip(golden["checkpoints"], golden["learningRates"], strict=True):
            model.load_state_dict({key: value.double() for key, value in load_file(GOLDEN / file).items()})

            def each(which):
                for row in range(len(inputs[f"{which}.x"])):
                    own = (model(inputs[f"{which}.x"][row]), inputs[f"{which}.target"][row])
                    yield elements(*own, row) if name.endswith("missing") else elements(*own)

            train = torch.stack([gradient(model, parts.sum()) for parts in each("train")])
            queries = torch.stack([torch.stack([gradient(model, part) for part in parts]) for parts in each("query")])
            scores.append(rate * torch.einsum("np,mkp->knm", train, queries))
        tensors[name] = torch.stack(scores, dim=1).contiguous()
        print(name, tuple(tensors[name].shape))
    save_file(tensors, ROOT / "test/unit/golden/outputs.safetensors")


main()
