"""The script of TracIn: Export PyTorch Model, run as a person runs it."""

import json

import export
import numpy as np
import onnxruntime
import pytest
import torch


def test_exports_and_compares(tmp_path):
    export.make(tmp_path)
    assert sorted(path.name for path in (tmp_path / "cnn").iterdir()) == [
        "epoch-1.pt",
        "epoch-2.pt",
        "fresh.onnx",
        "model.onnx",
    ]


def filled(folder, construct, example):
    script = folder / "export_to_tracin.py"
    script.write_text(export.fill(construct, example))
    return script


POOL = """
from torch import nn
import torch.nn.functional as F
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(2, 3)
    def forward(self, image):
        return self.head(F.avg_pool2d(self.conv(image), 6, divisor_override=DIVISOR).flatten(1))
torch.manual_seed(0)
model = Pool()
"""


@pytest.mark.parametrize(("divisor", "fits"), [("3", False), ("None", True)])
def test_what_the_exporter_drops_is_found(divisor, fits, tmp_path):
    """The older exporter leaves divisor_override out without a word; the comparison on the example finds it."""
    script = filled(tmp_path, POOL.replace("DIVISOR", divisor), "example = torch.randn(2, 1, 8, 8)")
    done = export.run(script)
    assert ("The file computes what the model does." in done.stdout) == fits, done.stdout + done.stderr
    assert ("ERROR: the file does not compute what the model does" in done.stdout) != fits, done.stdout
    assert (done.returncode == 0) == fits


NAN = """
from torch import nn
class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
    def forward(self, x):
        return torch.log(self.head(x) * 0 - 1)
model = Broken()
"""


def test_not_a_number_is_no_agreement(tmp_path):
    done = export.run(filled(tmp_path, NAN, "example = torch.randn(2, 4)"))
    assert done.returncode == 1 and "ERROR: the file does not compute" in done.stdout, done.stdout + done.stderr


# nn.Bilinear is an operator that the older exporter has no word for.
NEWER = """
from torch import nn
class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.pairs = nn.Bilinear(4, 4, 5)
        self.head = nn.Linear(5, 3)
    def forward(self, x):
        return self.head(torch.tanh(self.pairs(x, x)))
torch.manual_seed(0)
model = Pairs()
"""


def test_falls_back_to_the_newer_exporter(tmp_path):
    script = filled(tmp_path, NEWER, "example = torch.randn(2, 4)")
    scope = {"torch": torch}
    exec(NEWER, scope)
    model = scope["model"]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    torch.save(model.state_dict(), tmp_path / "epoch-1.pt")
    done = export.run(script, "epoch-1.pt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Trying the newer exporter" in done.stdout and "The file computes what the model does." in done.stdout, done.stdout
    # One file, with the last checkpoint's weights, for any number of examples.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-1.pt", "export_to_tracin.py", "model.onnx"]
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    x = torch.randn(5, 4)
    [found] = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        assert np.abs(found - model(x).numpy()).max() <= 1e-5


# The older exporter writes a sum over truth values, which onnxruntime has no operator for.
NOT_RUN = """
from torch import nn
class Placed(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
    def forward(self, x):
        return self.head(x * (x > 0).cumsum(1))
torch.manual_seed(0)
model = Placed()
"""


def test_file_that_cannot_be_run(tmp_path):
    done = export.run(filled(tmp_path, NOT_RUN, "example = torch.randn(2, 4)"))
    assert done.returncode == 0, done.stdout + done.stderr
    told = ["The file cannot be run by onnxruntime (", "Trying the newer exporter", "The file computes what the model does."]
    places = [done.stdout.find(text) for text in told]
    assert -1 not in places and places == sorted(places), done.stdout
    assert "cannot write" not in done.stdout


# A dictionary of inputs whose names are not the first arguments; a folder of save_pretrained, which leaves the tied output layer out and
# gives another name to the one that is not tied; and what is kept for generating text, which is no output here.
DECODER = """
from transformers import CLASS
torch.manual_seed(0)
model = CLASS(CLASS.config_class(vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, **OPTIONS))
"""


@pytest.mark.parametrize(
    ("kind", "options", "names"),
    [
        ("GPT2LMHeadModel", dict(n_positions=8), ["lm_head.weight", "transformer.wte.weight"]),
        ("GPTNeoXForCausalLM", dict(intermediate_size=12, max_position_embeddings=8), ["lm_head.weight", "embed_out.weight"]),
    ],
)
def test_folder_of_transformers(kind, options, names, tmp_path):
    construct = DECODER.replace("CLASS", kind).replace("OPTIONS", repr(options))
    script = filled(tmp_path, construct, 'example = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 0]]), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}')
    scope = {"torch": torch}
    exec(construct, scope)
    with torch.no_grad():
        for parameter in scope["model"].parameters():
            parameter.add_(0.1)
    scope["model"].save_pretrained(tmp_path / "checkpoint-1")
    done = export.run(script, "checkpoint-1")
    assert done.returncode == 0 and "tensors fit." in done.stdout and "computes what the model does" in done.stdout, done.stdout + done.stderr
    [recorded] = [line for line in done.stdout.splitlines() if line.startswith("Recorded tied")]
    assert sorted(names) in [sorted(group) for group in json.loads(recorded.split(": ", 1)[1])], recorded
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    assert [value.name for value in session.get_inputs()] == ["input_ids", "attention_mask"]
    assert [value.name for value in session.get_outputs()] == ["output"]
    ids = torch.tensor([[5, 6, 7], [1, 1, 2], [3, 4, 5]])
    [found] = session.run(None, {"input_ids": ids.numpy(), "attention_mask": np.ones((3, 3), np.int64)})
    with torch.no_grad():
        assert np.abs(found - scope["model"].eval()(ids).logits.numpy()).max() <= 1e-5


STOPPED = """
from torch import nn
class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
    def forward(self, x):
        return self.head(x) / self.head.weight.norm()STOP
model = Scaled()
"""


@pytest.mark.parametrize(("stop", "is_told"), [(".detach()", True), ("", False)])
def test_tells_where_gradients_are_stopped(stop, is_told, tmp_path):
    done = export.run(filled(tmp_path, STOPPED.replace("STOP", stop), "example = torch.randn(2, 4)"))
    assert done.returncode == 0 and ("WARNING: Scaled: gradients are stopped" in done.stdout) == is_told, done.stdout + done.stderr
