"""The samples as PyTorch sees them: models, weights, rates and encoded data, through the scripts that made the samples."""

import importlib.util
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True


def script_at(path):
    """A script of the project as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_of_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Sample:
    name: str
    family: str
    folder: str
    config: str
    model_class: str
    checkpoints: str
    # Name patterns of the layers that captum's sample-wise gradients know (Linear and Conv2d).
    sample_wise: tuple[str, ...]

    @property
    def format(self):
        return f"TorchScript exporter, opset 17; {self.checkpoints.split('*')[-1]}"

    @property
    def root(self):
        return ROOT / "samples" / self.folder

    @cached_property
    def script(self):
        return script_at(ROOT / "samples" / self.folder / "make.py")

    def model(self) -> nn.Module:
        return getattr(self.script, self.model_class)().double().eval()

    @cached_property
    def contents(self):
        """(state, rate) of each checkpoint, in training order."""
        files = sorted(self.root.glob(self.checkpoints), key=lambda file: int(file.stem.split("-")[1]))
        if files[0].suffix == ".safetensors":
            rates = json.loads((self.root / self.config).read_text())["checkpoints"]["learningRate"]
            return [(load_file(file), rate) for file, rate in zip(files, rates, strict=True)]
        loaded = [torch.load(file, weights_only=True) for file in files]
        return [
            (
                content.get("model_state_dict", content.get("model")),
                content.get("optimizer_state_dict", content.get("optimizer"))["param_groups"][0]["lr"],
            )
            for content in loaded
        ]

    def split(self, name):
        """(inputs, targets); floating inputs in double precision."""
        *inputs, targets = self.script.read_split(name)
        return [tensor.double() if tensor.is_floating_point() else tensor for tensor in inputs], targets


SAMPLES = [
    Sample("digits-cnn", "CNN with batch norm", "digits", "tracin.json", "Cnn", "cnn/checkpoints/*.pt", ("conv1.*", "conv2.*", "fc.*")),
    Sample("digits-mlp", "MLP", "digits", "tracin.mlp.json", "Mlp", "mlp/checkpoints/*.safetensors", ("fc1.*", "fc2.*", "fc3.*")),
    Sample("iris", "MLP", "iris", "tracin.json", "Mlp", "checkpoints/*.pt", ("layers.*",)),
    Sample("spam", "text: embedding, masked mean, dense", "spam", "tracin.json", "TextModel", "checkpoints/*.pt", ("hidden.*", "classify.*")),
]
