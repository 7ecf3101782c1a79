"""Which number finds planted wrong labels best: npm run bench:suspects

For each data set and seed: 10 % of the training labels are replaced by another class, drawn uniformly; a small network is trained with
PyTorch (plain SGD, nothing tuned to the outcome), a checkpoint is kept at five epochs; the command line ranks the training examples. Reported:
the area under the ROC curve, the average precision, and how many of the first k are wrong labels, k being the number planted; means over the
seeds, with the standard deviation. The margins are checked against PyTorch's own, and the margin of logits, which is not offered, is
computed for comparison. Needs the packages of test/parity/requirements.txt and dist/cli.js.

Data: MNIST digits and mails of samples/ (their own planted labels restored), handwritten digits and the breast cancer table of scikit-learn.
"""

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
WRONG = 0.1
RATE, MOMENTUM, BATCH = 0.05, 0.9, 32
KEPT = (2, 4, 6, 8, 10)


def mnist():
    """The 2,000 training images of the digits sample with their true labels."""
    folder = ROOT / "samples" / "digits"
    with open(folder / "planted.csv", newline="") as file:
        true = {row["file"]: int(row["true"]) for row in csv.DictReader(file)}
    with open(folder / "train" / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    pixels = np.stack([np.asarray(Image.open(folder / "train" / row["file"])).ravel() for row in rows]) / 255
    return pixels, np.array([true.get(f"train/{row['file']}", int(row["label"])) for row in rows])


def mails():
    """Word counts (log, the 500 most frequent words) of the mails of the spam sample with their true labels."""
    folder = ROOT / "samples" / "spam"
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    labels = [row["label"] for row in rows]
    with open(folder / "planted.csv", newline="") as file:
        for row in csv.DictReader(file):
            assert labels[int(row["line"]) - 1] == row["given"]
            labels[int(row["line"]) - 1] = row["true"]
    words = CountVectorizer(max_features=500, binary=False).fit_transform([row["text"] for row in rows])
    return np.log1p(words.toarray()), np.unique(labels, return_inverse=True)[1]


def handwritten():
    return load_digits(return_X_y=True)


def cancer():
    return load_breast_cancer(return_X_y=True)


DATA = {"MNIST, 2,000": mnist, "digits 8 x 8, 1,797": handwritten, "breast cancer, 569": cancer, "mails, 600": mails}


def planted(labels, chance):
    """Labels with 10 % replaced by another class, and which they are."""
    classes = labels.max() + 1
    chosen = chance.choice(len(labels), round(WRONG * len(labels)), replace=False)
    given = labels.copy()
    given[chosen] = (given[chosen] + chance.integers(1, classes, len(chosen))) % classes
    return given, np.isin(np.arange(len(labels)), chosen)


def train(folder, x, y, seed):
    """A network with one hidden layer, its checkpoints and its ONNX file."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, int(y.max()) + 1))
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)
    for epoch in range(1, KEPT[-1] + 1):
        for batch in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
        if epoch in KEPT:
            save_file(model.state_dict(), folder / f"epoch-{epoch:02d}.safetensors")
    torch.onnx.export(
        model.eval(), (inputs[:2],), str(folder / "model.onnx"), dynamo=False, opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=["x"], output_names=["logits"], dynamic_axes={"x": {0: "batch"}},
    )


def rank(folder, x, y):
    """What the command line writes of each example, the larger the more suspicious."""
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    config = {
        "model": "model.onnx",
        "checkpoints": {"files": "epoch-*.safetensors", "learningRate": RATE},
        "loss": "softmax-cross-entropy",
        "data": {"train": {"npy": {"x": "x.npy", "y": "y.npy"}, "target": "y"}},
        "features": {"x": {"array": "x"}},
    }
    (folder / "tracin.json").write_text(json.dumps(config))
    command = ["node", str(ROOT / "dist" / "cli.js"), "suspects", "--json", "--top", str(len(y)), "--root", str(folder)]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["suspects"]["rows"]
    assert len(rows) == len(y), f"{len(rows)} of {len(y)} examples came back"
    columns = {name: np.zeros(len(y)) for name in ("selfInfluence", "loss", "margin", "combined")}
    for row in rows:
        for name, values in columns.items():
            values[row["index"]] = row[name]
    of_logits, of_probabilities = margins(folder, x, y)
    assert np.abs(columns["margin"] - of_probabilities).max() < 1e-5, "margins differ from PyTorch's"
    return {
        "margin": -columns["margin"],
        "margin and mean loss": -columns["combined"],
        "mean loss": columns["loss"],
        "self-influence": columns["selfInfluence"],
        "(margin of logits)": -of_logits,
    }


def margins(folder, x, y):
    """Mean over the checkpoints of the label's logit, and probability, less the best other one, by PyTorch."""
    rows = torch.arange(len(y))
    found = []
    for epoch in KEPT:
        weights = load_file(folder / f"epoch-{epoch:02d}.safetensors")
        hidden = torch.relu(torch.from_numpy(x) @ weights["0.weight"].T + weights["0.bias"])
        logits = hidden @ weights["2.weight"].T + weights["2.bias"]
        for values in (logits, logits.double().softmax(1)):
            others = values.clone()
            others[rows, y] = -torch.inf
            found.append((values[rows, y] - others.max(1).values).numpy())
    return np.mean(found[0::2], 0), np.mean(found[1::2], 0)


def measures(values, wrong):
    first = np.argsort(-values, kind="stable")[: wrong.sum()]
    return roc_auc_score(wrong, values), average_precision_score(wrong, values), wrong[first].mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    print("| data | ranked by | AUC | average precision | wrong among the first k |\n|---|---|---:|---:|---:|")
    for name, read in DATA.items():
        x, labels = read()
        x = ((x - x.mean(0)) / (x.std(0) + 1e-8)).astype(np.float32)
        found = {}
        for seed in range(seeds):
            given, wrong = planted(labels.astype(np.int64), np.random.default_rng(seed))
            with tempfile.TemporaryDirectory() as folder:
                train(Path(folder), x, given, seed)
                for order, values in rank(Path(folder), x, given).items():
                    found.setdefault(order, []).append(measures(values, wrong))
        for order, rows in found.items():
            cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(np.mean(rows, 0), np.std(rows, 0))]
            print(f"| {name} | {order} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
