"""Runs the script of TracIn: Export PyTorch Model on an MLP, a batch-norm CNN and a text model, and keeps what it writes.

    python test/golden/export.py

The unit tests read the ONNX files and checkpoints from test/unit/golden/export.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import torch
from torch import nn

here = pathlib.Path(__file__).parent
template = (here.parent.parent / "media" / "export" / "export_to_tracin.py").read_text()
folder = here.parent / "unit" / "golden" / "export"
torch.set_num_threads(1)

models = {
    "mlp": (
        "from torch import nn; model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))",
        "example = torch.zeros(2, 4)",
    ),
    "cnn": (
        "from torch import nn; model = nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(),"
        " nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 2))",
        "example = torch.zeros(2, 1, 8, 8)",
    ),
    # What the metadata is for: a padding row, a table with two names, a persistent buffer, a frozen layer.
    "text": (
        """
from torch import nn
class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4, padding_idx=-7)
        self.kind = nn.Embedding(7, 4)
        self.tied = self.embedding
        self.register_buffer("pe", torch.randn(5, 4))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 2)
    def forward(self, ids):
        x = self.embedding(ids) + self.kind(ids) + self.pe[: ids.shape[1]]
        return self.head(torch.tanh(self.frozen(x)).mean(1))
model = Text()
""",
        "example = torch.zeros(2, 5, dtype=torch.long)",
    ),
}


def fill(construct, example):
    """The script with its two lines filled in, as a person does it."""
    text = template.replace("model = None", construct).replace("example = None", example)
    assert len(re.findall("None\n", template)) - len(re.findall("None\n", text)) == 2
    return text


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, script.name, *arguments], cwd=script.parent, capture_output=True, text=True, check=False
    )


def train(construct, example, target):
    """Two checkpoints: a plain state_dict, and one with optimizer and a prefix."""
    scope = {"torch": torch}
    torch.manual_seed(0)
    exec(construct, scope)
    exec(example, scope)
    model, inputs = scope["model"], scope["example"].repeat(4, *[1] * (scope["example"].dim() - 1))
    inputs = torch.randint_like(inputs, 7) if inputs.dtype == torch.long else torch.randn_like(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in (1, 2):
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
        state = {f"module.{key}": value for key, value in model.state_dict().items()}
        saved = model.state_dict() if epoch == 1 else {"state_dict": state, "optimizer": optimizer.state_dict()}
        torch.save(saved, target / f"epoch-{epoch}.pt")


def make(folder):
    """Exports both models into the folder, and checks what the script says of good and bad checkpoints."""
    for name, (construct, example) in models.items():
        target = folder / name
        target.mkdir(parents=True)
        script = target / "export_to_tracin.py"

        script.write_text(template)
        untouched = run(script)
        assert untouched.returncode != 0 and "FILL IN" in untouched.stderr, untouched

        script.write_text(fill(construct, example))
        train(construct, example, target)
        # Without checkpoints the fresh weights are exported, among which the exporter merges equal ones.
        fresh = run(script, "--output", "fresh.onnx")
        assert fresh.returncode == 0, fresh.stderr
        done = run(script, "epoch-*.pt")
        assert done.returncode == 0 and done.stdout.count("tensors fit.") == 2, done.stdout + done.stderr
        print(done.stdout)

        state = torch.load(target / "epoch-1.pt", weights_only=True)
        first, second, *_ = (key for key in state if not key.endswith("num_batches_tracked"))
        bad = {key: value for key, value in state.items() if key != first}
        bad[second] = torch.zeros(7)
        bad["extra.weight"] = torch.zeros(2)
        torch.save(bad, target / "bad.pt")
        wrong = run(script, "bad.pt", "absent.pt", "--output", "unused.onnx")
        assert wrong.returncode == 1, wrong
        for expected in (f"{first}\\s+missing", f"{second}\\s+mismatch.*\\[7\\]", "extra.weight\\s+surplus", "absent.pt: unreadable"):
            assert re.search(expected, wrong.stdout, re.DOTALL), wrong.stdout
        print(wrong.stdout)
        for file in ("bad.pt", "unused.onnx", script.name):
            (target / file).unlink(missing_ok=True)


if __name__ == "__main__":
    shutil.rmtree(folder, ignore_errors=True)
    make(folder)
