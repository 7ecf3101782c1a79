"""Writes the golden checkpoints of test/unit/golden/checkpoints with the real torch and safetensors.

    python test/golden/checkpoints.py

`expected.json` lists for each file its tensors (shape, element type and values, floating types as float32).
"""

import argparse
import collections
import io
import json
import pathlib
import sys
import types
import zipfile

import numpy
import safetensors.torch
import torch
from torch import nn

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "checkpoints"
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
torch.set_num_threads(1)
expected = {}


def describe(tensor):
    values = tensor.detach()
    if values.is_floating_point():
        values = values.to(torch.float32)
    flat = [str(v) if v != v or abs(v) == float("inf") else v for v in values.reshape(-1).tolist()]
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "values": flat}


def record(name, tensors, **more):
    expected[name] = {"tensors": {key: describe(value) for key, value in tensors.items()}, **more}


def model():
    torch.manual_seed(1)
    return nn.Sequential(
        collections.OrderedDict(
            fc1=nn.Linear(4, 3), norm=nn.BatchNorm1d(3), act=nn.ReLU(), fc2=nn.Linear(3, 2)
        )
    )


def step(net, optimizer, scheduler=None):
    net.train()
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
        if scheduler:
            scheduler.step()


special = [0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, float("inf"), float("-inf"), float("nan"), 0.1]
every = {
    "f64": torch.tensor(special, dtype=torch.float64),
    "f32": torch.tensor(special, dtype=torch.float32),
    "f16": torch.tensor(special, dtype=torch.float16),
    "bf16": torch.tensor(special, dtype=torch.bfloat16),
    "i64": torch.tensor([-(2**53) + 1, 2**53 - 1, -1, 0], dtype=torch.int64),
    "i32": torch.tensor([[-(2**31), 2**31 - 1]], dtype=torch.int32),
    "i16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 3),
}
unsigned = {
    "u16": torch.tensor([0, 65535], dtype=torch.uint16),
    "u32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
    "u64": torch.tensor([0, 2**53 - 1], dtype=torch.uint64),
}

# Every element type.
for protocol in (2, 3, 4, 5):
    name = f"types-protocol{protocol}.pt"
    torch.save({**every, **unsigned}, folder / name, pickle_protocol=protocol)
    record(name, {**every, **unsigned})
torch.save(every, folder / "types-legacy.pt", _use_new_zipfile_serialization=False)
record("types-legacy.pt", every)
safetensors.torch.save_file(
    {**every, **unsigned},
    folder / "types.safetensors",
    metadata={"format": "pt", "step": "120", "epoch": "3", "learning_rate": "0.05"},
)
record("types.safetensors", {**every, **unsigned}, step=120, epoch=3, rates=[0.05])

# Views: transposed, sliced, strided, expanded, offset, sharing one storage.
base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
views = {
    "base": base,
    "transposed": base.permute(2, 0, 1),
    "sliced": base[1:, ::2, 1:4],
    "column": base[:, 1, 2],
    "row": base[2, 3],
    "element": base[1, 1, 1],
    "expanded": torch.tensor([7.0]).expand(6),
    "expanded2": base[0, :, :1].expand(4, 3),
    "parameter": nn.Parameter(base[0].t()),
    "half": base[0].half().t(),
}
for name, new in (("views.pt", True), ("views-legacy.pt", False)):
    torch.save(views, folder / name, _use_new_zipfile_serialization=new)
    record(name, views)

# Big endian, as torch writes it on such machines.
big = {
    key: torch.from_numpy(value.numpy().byteswap())
    for key, value in every.items()
    if value.dtype not in (torch.bfloat16, torch.bool)
}
buffer = io.BytesIO()
torch.save(big, buffer)
with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(folder / "big-endian.pt", "w") as target:
    for entry in source.infolist():
        data = source.read(entry)
        target.writestr(entry.filename, b"big" if entry.filename.endswith("byteorder") else data)
record("big-endian.pt", {key: every[key] for key in big})

# The same with packed entries, which torch reads too.
buffer = io.BytesIO()
torch.save(views, buffer)
with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(folder / "packed.pt", "w", zipfile.ZIP_DEFLATED) as target:
    for entry in source.infolist():
        target.writestr(entry.filename, source.read(entry))
torch.load(folder / "packed.pt", weights_only=True)
record("packed.pt", views)

# What training scripts save.
net = model()
state = net.state_dict()
torch.save(state, folder / "plain.pt")
record("plain.pt", state, rates=[])
torch.save(state, folder / "plain-legacy.pth", _use_new_zipfile_serialization=False)
record("plain-legacy.pth", state, rates=[])
safetensors.torch.save_file(state, folder / "plain.safetensors")
record("plain.safetensors", state, rates=[])

optimizers = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=torch.tensor(2e-3), weight_decay=0.1),
}
for kind, make in optimizers.items():
    net = model()
    optimizer = make(net.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    step(net, optimizer, scheduler)
    name = f"trained-{kind}.pt"
    torch.save(
        {
            "epoch": 4,
            "global_step": numpy.int64(17),
            "loss": numpy.float64(0.25),
            "args": argparse.Namespace(lr=3.0, path=pathlib.PurePosixPath("data/train.csv")),
            "counts": collections.defaultdict(int, {"a": 1}),
            "seen": {"x", "y"},
            "model_state_dict": net.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
        },
        folder / name,
    )
    rate = float(optimizer.param_groups[0]["lr"])
    record(name, net.state_dict(), rates=[rate], epoch=4, step=17, source="optimizer_state_dict.param_groups[0].lr")

# Several parameter groups, and the optimizer alone.
net = model()
optimizer = torch.optim.SGD(
    [{"params": net.fc1.parameters(), "lr": 0.1}, {"params": net.fc2.parameters(), "lr": 0.01}], lr=1.0
)
step(net, optimizer)
torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, folder / "groups.pt")
record("groups.pt", net.state_dict(), rates=[0.1, 0.01], source="optimizer.param_groups[0].lr")
torch.save(optimizer.state_dict(), folder / "optimizer.pt")

# Lightning's layout.
class AttributeDict(dict):
    pass


AttributeDict.__module__ = "lightning.fabric.utilities.data"
AttributeDict.__qualname__ = "AttributeDict"
lightning = types.ModuleType("lightning.fabric.utilities.data")
lightning.AttributeDict = AttributeDict
for part in ("lightning", "lightning.fabric", "lightning.fabric.utilities"):
    sys.modules[part] = types.ModuleType(part)
sys.modules["lightning.fabric.utilities.data"] = lightning
net = model()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
step(net, optimizer)
torch.save(
    {
        "epoch": 2,
        "global_step": 40,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{key}": value for key, value in net.state_dict().items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": AttributeDict(lr=5e-4, hidden=[3]),
    },
    folder / "lightning.ckpt",
)
record(
    "lightning.ckpt",
    {f"model.{key}": value for key, value in net.state_dict().items()},
    rates=[5e-4],
    epoch=2,
    step=40,
    source="optimizer_states[0].param_groups[0].lr",
    also=["callbacks.ModelCheckpoint{'monitor': None}.best_model_score"],
)

# What cannot be read, each with a clear error.
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)


torch.save(Net(), folder / "whole-module.pt")
torch.save({"epoch": 1, "model": Net()}, folder / "whole-module-nested.pt")
torch.save({"weight": torch.eye(2).to_sparse()}, folder / "sparse.pt")
torch.save({"weight": torch.zeros(2, dtype=torch.complex64)}, folder / "complex.pt")
torch.save({"weight": torch.zeros(2, dtype=torch.float8_e4m3fn)}, folder / "float8.pt")
safetensors.torch.save_file({"weight": torch.zeros(2, dtype=torch.float8_e4m3fn)}, folder / "float8.safetensors")
torch.jit.script(nn.Linear(2, 2)).save(str(folder / "torchscript.pt"))

(folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
