"""Soft Dice of masks, computed by a module around the model: images and masks in PNG files, checkpoints of the model itself."""

import numpy as np
import torch
from PIL import Image
from test_models import export
from torch import nn
from workspace import ask, worst_difference, write_config

EXAMPLES, SIZE, RATE = 8, 6, 0.1


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, image):
        return self.out(torch.tanh(self.first(image)))


class WithLoss(nn.Module):
    """As docs/configuration.md has it."""

    outputs = ("loss",)

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image, mask):
        logits = self.model(image)
        p, on = torch.sigmoid(logits).flatten(1), mask.flatten(1).float()
        return 1 - (2 * (p * on).sum(1) + 1) / (p.sum(1) + on.sum(1) + 1)


def test_dice_of_masks(tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (EXAMPLES, SIZE, SIZE), "uint8")
    masks = (rng.random((EXAMPLES, SIZE, SIZE)) < 0.4).astype("uint8") * 255
    for folder, arrays in (("images", images), ("masks", masks)):
        (tmp_path / folder).mkdir()
        for index, array in enumerate(arrays):
            Image.fromarray(array).save(tmp_path / folder / f"{index}.png")
    (tmp_path / "train.csv").write_text("file\n" + "".join(f"images/{index}.png\n" for index in range(EXAMPLES)))
    model = WithLoss(Segmenter()).eval()
    torch.save(model.model.state_dict(), tmp_path / "checkpoint.pt")
    inputs = {"image": torch.from_numpy(images[:, None] / np.float32(255)), "mask": torch.from_numpy(masks // 255).long()}
    export(model, inputs, tmp_path / "model.onnx", "TorchScript", 17)
    write_config(
        tmp_path,
        {
            "model": "model.onnx",
            "checkpoints": {"files": "checkpoint.pt", "learningRate": RATE},
            "loss": {"type": "output", "output": "loss"},
            "data": {"train": {"images": "train.csv", "target": {"masks": "masks", "values": [0, 255]}}},
            "features": {"image": {"image": {"size": [SIZE, SIZE], "channels": 1, "scale": "1/255"}}, "mask": {"target": True}},
        },
    )
    model.double()
    losses = model(inputs["image"].double(), inputs["mask"])
    rows = [torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)]) for loss in losses]
    gradients = torch.stack(rows).numpy()
    expected = RATE * gradients @ gradients.T
    found = ask(tmp_path, "scores", "--queries", f"train:0-{EXAMPLES - 1}", "--per-checkpoint")
    worst_difference(found, expected[None], 2e-5)
