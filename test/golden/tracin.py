"""Goldens for the samples: TracInCP of chosen examples, by definition (see influence.py).

    python test/golden/tracin.py

Reads samples/, writes test/unit/golden/tracin/sample-*/. See README.md for the format.
"""

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from influence import influence

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "test" / "unit" / "golden" / "tracin"
TRAIN, QUERIES = 40, 6
sys.dont_write_bytecode = True


def sample_script(name):
    spec = importlib.util.spec_from_file_location(f"make_{name}", ROOT / "samples" / name / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def natural(path):
    return int(path.stem.rsplit("-", 1)[1])


def checkpoints_of(folder, suffix, rates):
    """(files, states, rates); rates from the optimizer state unless given."""
    files = sorted(folder.glob(f"*{suffix}"), key=natural)
    if suffix == ".safetensors":
        return files, [load_file(file) for file in files], rates
    loaded = [torch.load(file, weights_only=True) for file in files]
    states = [content.get("model_state_dict", content.get("model")) for content in loaded]
    optimizers = [content.get("optimizer_state_dict", content.get("optimizer")) for content in loaded]
    return files, states, [optimizer["param_groups"][0]["lr"] for optimizer in optimizers]


def planted_rows(sample):
    """Positions in the training data of the wrong labels."""
    with open(ROOT / "samples" / sample / "planted.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    if "file" in rows[0]:
        return [int(Path(row["file"]).stem) for row in rows]
    header = 2 if (ROOT / "samples" / sample / "train.csv").exists() else 1
    return [int(row["line"]) - header for row in rows]


def make(name, sample, config, model, splits, folder, suffix, rates=None):
    root = ROOT / "samples" / sample
    files, states, rates = checkpoints_of(folder, suffix, rates)
    (train_inputs, train_targets), (test_inputs, test_targets) = splits
    chance = np.random.default_rng(7)
    few = planted_rows(sample)[:5]
    rest = [row for row in chance.permutation(len(train_targets)).tolist() if row not in few]
    train = sorted(few + rest[: TRAIN - len(few)])
    chosen = sorted(chance.permutation(len(test_targets))[:QUERIES].tolist())

    # The last checkpoint's errors make the best questions: one is always among the queries.
    model.load_state_dict(states[-1])
    model.eval()
    with torch.no_grad():
        guesses = model(*test_inputs).argmax(1)
    wrong = [row for row in range(len(test_targets)) if guesses[row] != test_targets[row]]
    if wrong and not set(wrong) & set(chosen):
        chosen = sorted([wrong[0], *chosen[1:]])

    # Two more ask for another label than the target: what the model predicts, and a class by number.
    asked = [{"dataset": "test", "index": row, "explain": "target"} for row in chosen]
    last = wrong[-1] if wrong else chosen[-1]
    asked += [
        {"dataset": "test", "index": last, "explain": "prediction"},
        {"dataset": "test", "index": chosen[0], "explain": 1},
    ]
    labels = [*test_targets[chosen].tolist(), int(guesses[last]), 1]
    rows = [question["index"] for question in asked]
    found = influence(
        model,
        states,
        rates,
        ([tensor[train] for tensor in train_inputs], train_targets[train]),
        ([tensor[rows] for tensor in test_inputs], torch.tensor(labels)),
        "softmax-cross-entropy",
    )
    target = OUT / name
    target.mkdir(parents=True, exist_ok=True)
    save_file({key: value for key, value in found.items() if not key.startswith("scores/")}, target / "expected.safetensors")
    (target / "golden.json").write_text(
        json.dumps(
            {
                "sample": sample,
                "config": config,
                "checkpoints": [file.relative_to(root).as_posix() for file in files],
                "learningRates": rates,
                "loss": {"type": "softmax-cross-entropy", "reduction": "sum"},
                "train": train,
                "queries": asked,
                "queryLabels": labels,
                "parameters": [name for name, _ in model.named_parameters()],
            },
            indent=1,
        )
        + "\n"
    )
    print(name, {key: list(value.shape) for key, value in found.items() if "/" not in key})
    return train, rows


def save_inputs(name, names, splits, rows):
    """The encoded examples, so that scores can be tested without the readers of the data."""
    (train_inputs, train_targets), (test_inputs, test_targets) = splits
    train, queries = rows
    tensors = {"train.target": train_targets[train]}
    for key, train_input, test_input in zip(names, train_inputs, test_inputs, strict=True):
        tensors[f"train.{key}"] = train_input[train].contiguous()
        tensors[f"query.{key}"] = test_input[queries].contiguous()
    save_file(tensors, OUT / name / "inputs.safetensors")


def main():
    torch.set_num_threads(1)
    for sample, names in (("iris", ["measurements"]), ("spam", ["input_ids", "attention_mask"])):
        script = sample_script(sample)
        splits = [(list(parts[:-1]), parts[-1]) for parts in map(script.read_split, ("train", "test"))]
        model = script.Mlp() if sample == "iris" else script.TextModel()
        folder = ROOT / "samples" / sample / "checkpoints"
        rows = make(f"sample-{sample}", sample, "tracin.json", model, splits, folder, ".pt")
        save_inputs(f"sample-{sample}", names, splits, rows)
    script = sample_script("digits")
    splits = [([images], labels) for images, labels in map(script.read_split, ("train", "test"))]
    folder = ROOT / "samples" / "digits"
    rates = json.loads((folder / "tracin.mlp.json").read_text())["checkpoints"]["learningRate"]
    rows = make("sample-digits-cnn", "digits", "tracin.json", script.Cnn(), splits, folder / "cnn" / "checkpoints", ".pt")
    save_inputs("sample-digits-cnn", ["image"], splits, rows)
    mlp = folder / "mlp" / "checkpoints"
    rows = make("sample-digits-mlp", "digits", "tracin.mlp.json", script.Mlp(), splits, mlp, ".safetensors", rates)
    save_inputs("sample-digits-mlp", ["image"], splits, rows)


if __name__ == "__main__":
    main()
