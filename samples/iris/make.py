"""Makes the iris sample: two CSV files, a small network and its checkpoints.

    python make.py

Needs torch, onnx, onnxruntime, numpy and scikit-learn (which holds the data). Fixed seeds.
"""

import csv
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from sklearn.datasets import load_iris
from torch import nn

HERE = Path(__file__).resolve().parent
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
SPECIES = ["setosa", "versicolor", "virginica"]
TRAIN, WRONG = 120, 5


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
        )

    def forward(self, measurements):
        return self.layers(measurements)


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make_data():
    iris = load_iris()
    chance = np.random.default_rng(1936)
    order = chance.permutation(len(iris.target))
    values, labels = iris.data[order], iris.target[order]
    planted = np.sort(chance.choice(TRAIN, WRONG, replace=False))
    given = labels.copy()
    given[planted] = (labels[planted] + chance.integers(1, 3, WRONG)) % 3
    rows = [[*row, SPECIES[label]] for row, label in zip(values.tolist(), given)]
    write_csv(HERE / "train.csv", [*COLUMNS, "species"], rows[:TRAIN])
    write_csv(HERE / "test.csv", [*COLUMNS, "species"], rows[TRAIN:])
    write_csv(
        HERE / "planted.csv",
        ["line", "given", "true"],
        [[index + 2, SPECIES[given[index]], SPECIES[labels[index]]] for index in planted],
    )


def read_split(name):
    """Measurements [n, 4], standardised over the training data, and labels [n]."""

    def read(split):
        with open(HERE / f"{split}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        values = np.array([[float(row[column]) for column in COLUMNS] for row in rows])
        return values, torch.tensor([SPECIES.index(row["species"]) for row in rows])

    train, _ = read("train")
    values, labels = read(name)
    values = (values - train.mean(0)) / train.std(0)
    return torch.from_numpy(values).float(), labels


def train(model):
    folder = HERE / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    values, labels = read_split("train")
    test_values, test_labels = read_split("test")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=40, gamma=0.5)
    step = 0
    for epoch in range(1, 61):
        for batch in torch.randperm(TRAIN).split(12):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(values[batch]), labels[batch]).backward()
            optimizer.step()
            step += 1
        if epoch % 10 == 0:
            # Before the scheduler's step: the stored rate is that of the epochs that just ended.
            torch.save(
                {
                    "epoch": epoch,
                    "step": step,
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                },
                folder / f"epoch-{epoch}.pt",
            )
            with torch.no_grad():
                loss = nn.functional.cross_entropy(model(values), labels).item()
                right = (model(test_values).argmax(1) == test_labels).sum().item()
            rate = optimizer.param_groups[0]["lr"]
            print(f"epoch {epoch} rate {rate} train loss {loss:.3f} test {right} of {len(test_labels)}")
        scheduler.step()


def export(model):
    """Writes the ONNX file with the names of the state_dict and checks that it computes the same."""
    model.eval()
    values, _ = read_split("test")
    path = str(HERE / "model.onnx")
    torch.onnx.export(
        model,
        (values[:2],),
        path,
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        opset_version=17,
        input_names=["measurements"],
        output_names=["logits"],
        dynamic_axes={"measurements": {0: "batch"}, "logits": {0: "batch"}},
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"measurements": values.numpy()})
    with torch.no_grad():
        difference = np.abs(found - model(values).numpy()).max()
    print(f"ONNX against PyTorch: {difference:.1e}")
    assert difference < 1e-5


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_data()
    torch.manual_seed(3)
    network = Mlp()
    train(network)
    export(network)
