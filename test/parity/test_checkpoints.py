"""Checkpoints of real training runs, as the tools leave them on disk, against float64 autograd with the rates that were really used."""

import json

import numpy as np
import pytest
import torch
import torch_runs
from influence import influence
from samples import ROOT, script_at
from test_models import export
from torch_runs import CLASSES, LOOPS, OPTIMIZERS, TRAIN, TRAINERS, loop, save_dictionary
from workspace import ask, worst_difference, write_config

TOLERANCE = 2e-5
CHAPTER = "Checkpoints of PyTorch"


class Logits:
    """Softmax cross-entropy of the logits; models of transformers give them in an object."""

    def __call__(self, output, target):
        return torch.nn.functional.cross_entropy(getattr(output, "logits", output), target, reduction="sum")

    def predict(self, output, target):
        return getattr(output, "logits", output).softmax(1)


def prepare(run, folder, preconditioned):
    """The model, exported as the project's script does it, data, and tracin.json."""
    model = run.model.float().eval()
    export(model, run.inputs, folder / "model.onnx", "TorchScript", 17)
    script_at(ROOT / "media" / "export" / "export_to_tracin.py").record(folder / "model.onnx", model)
    data = {}
    for split, rows in (("train", slice(0, TRAIN)), ("test", slice(TRAIN, None))):
        for name, value in (run.inputs | {"target": run.target}).items():
            np.save(folder / f"{split}-{name}.npy", value[rows].numpy())
        data[split] = {"npy": {name: f"{split}-{name}.npy" for name in (*run.inputs, "target")}, "target": "target"}
    checkpoints = {"files": run.files, "learningRate": run.learning_rate}
    write_config(
        folder,
        {
            "model": "model.onnx",
            "checkpoints": checkpoints | ({"preconditioner": "from-file"} if preconditioned else {}),
            "loss": "softmax-cross-entropy",
            "data": data,
            "features": {name: {"array": name} for name in run.inputs},
        },
    )


def difference(run, folder, preconditioned=False):
    """The largest difference of scores and self-influence of each checkpoint."""
    prepare(run, folder, preconditioned)
    scales = [dict(rates) for rates in run.rates]
    if run.learning_rate != "from-file":
        scales = [dict.fromkeys(rates, rate) for rates, rate in zip(scales, run.learning_rate, strict=True)]
    if preconditioned:
        scales = [{name: rates[name] * factors[name] for name in rates} for rates, factors in zip(scales, run.factors, strict=True)]

    def part(rows):
        return [value[rows] for value in run.inputs.values()], run.target[rows]

    expected = influence(run.model, run.states, [1] * len(run.states), part(slice(0, TRAIN)), part(slice(TRAIN, None)), Logits(), factors=scales)
    scores = ask(folder, "scores", "--queries", f"test:0-{torch_runs.QUERIES - 1}", "--per-checkpoint")
    own = ask(folder, "self-influence", "--per-checkpoint")
    return max(
        worst_difference(scores, expected["scores"].transpose(1, 2).numpy(), TOLERANCE),
        worst_difference(own[:, None], expected["self"][:, None].numpy(), TOLERANCE),
    )


@pytest.mark.parametrize("name", [*LOOPS, *TRAINERS])
def test_rates_and_weights(name, tmp_path, record_compatibility):
    torch.manual_seed(sum(name.encode()))
    run = (LOOPS | TRAINERS)[name](tmp_path)
    record_compatibility(CHAPTER, "scores", name).passed(difference(run, tmp_path))


ADAPTIVE = [name for name, (_, sizes, _) in OPTIMIZERS.items() if sizes]


@pytest.mark.parametrize("name", ADAPTIVE)
def test_preconditioned(name, tmp_path, record_compatibility):
    torch.manual_seed(sum(name.encode()))
    run = loop(tmp_path, name, save_dictionary)
    record_compatibility(CHAPTER, "preconditioned scores", f"torch.optim: {name}").passed(difference(run, tmp_path, True))


@pytest.mark.parametrize("name", [name for name in TRAINERS if "bfloat16" not in name])
def test_preconditioned_of_trainers(name, tmp_path, record_compatibility):
    torch.manual_seed(sum(name.encode()))
    run = TRAINERS[name](tmp_path)
    record_compatibility(CHAPTER, "preconditioned scores", name).passed(difference(run, tmp_path, True))
