"""Small models exported by PyTorch, with inputs and float32 outputs, for the tests of the ONNX importer.

Run from the repository root: python test/golden/onnx_models.py
Writes test/unit/golden/onnx/<name>.onnx and <name>.json (inputs and outputs at three batch sizes, parameter names).
"""

import json
import warnings
from pathlib import Path

import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.manual_seed(0)
out = Path("test/unit/golden/onnx")
out.mkdir(parents=True, exist_ok=True)
batches = (1, 4, 7)


class Text(nn.Module):
    """Masked mean of embeddings, then layers on three axes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.hidden = nn.Linear(8, 6)
        self.head = nn.Linear(6, 3)
        self.temperature = nn.Parameter(torch.tensor(1.5))

    def forward(self, ids, mask):
        x = torch.tanh(self.hidden(self.embedding(ids)))
        wide = mask.unsqueeze(-1).expand_as(x).to(x.dtype)
        mean = (x * wide).sum(1) / wide.sum(1).clamp(min=1.0)
        return self.head(mean) * self.temperature


class Transformer(nn.Module):
    """One encoder layer on patches, a class token, masks made from shapes."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 8) * 0.1)
        self.position = nn.Parameter(torch.randn(1, 6, 8) * 0.1)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, activation="gelu")
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        b, t, d = x.shape
        x = torch.cat([self.token.expand(b, -1, -1), x], 1) + self.position[:, : t + 1]
        mask = torch.triu(torch.full((t + 1, t + 1), float("-inf"), device=x.device), diagonal=1)
        x = self.layer(x, src_mask=mask)
        return self.head(x.reshape(b * (t + 1), d)).view(b, t + 1, 3)[:, -1]


class Odd(nn.Module):
    """Operators whose form changed between operator sets."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 6)

    def forward(self, x):
        y = self.a(x)
        left, right = y.split([2, 4], dim=1)
        z = torch.cat([left, nn.functional.pad(right, (1, 1), value=0.5)], 1).clamp(-0.4, 0.6)
        z = z.unsqueeze(1) - z.mean(1, keepdim=True).unsqueeze(2)
        z = z.squeeze(1)[:, 1:4].softmax(-1) + z.squeeze(1)[:, :3].log_softmax(1)
        return nn.functional.dropout(z, 0.5, self.training) + z.sum(1, keepdim=True) + z.amax(1, keepdim=True)


def values(tensor):
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "data": tensor.flatten().tolist()}


def write(name, model, make, inputs, opset=18):
    model.eval()
    if name == "cnn":  # running statistics that are not the fresh ones
        model.train()
        with torch.no_grad():
            model(*make(16))
        model.eval()
    torch.onnx.export(
        model, make(2), out / f"{name}.onnx", dynamo=False, opset_version=opset,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=inputs, output_names=["output"],
        dynamic_axes={key: {0: "batch"} for key in [*inputs, "output"]},
    )
    cases = []
    with torch.no_grad():
        for batch in batches:
            feeds = make(batch)
            cases.append({
                "batch": batch,
                "inputs": {key: values(feed) for key, feed in zip(inputs, feeds)},
                "output": values(model(*feeds)),
            })
    buffers = [key for key, value in model.named_buffers() if value.is_floating_point()]
    golden = {"parameters": sorted(key for key, _ in model.named_parameters()), "buffers": sorted(buffers), "cases": cases}
    (out / f"{name}.json").write_text(json.dumps(golden))


def fresh(model):
    """Biases of zero, as many initialisers leave them: the exporter merges them."""
    for key, parameter in model.named_parameters():
        if key.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def ids(batch):
    tokens = torch.randint(0, 20, (batch, 5))
    mask = torch.arange(5)[None] < torch.randint(1, 6, (batch, 1))
    return tokens, mask


rows = lambda *shape: lambda batch: (torch.randn(batch, *shape),)
mlp = fresh(nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.LeakyReLU(0.1), nn.Dropout(0.2), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 3)))
cnn = nn.Sequential(
    nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
    nn.Conv2d(4, 4, 3, stride=2, groups=2), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
)
write("mlp", mlp, rows(5), ["input"])
write("cnn", cnn, rows(2, 9, 9), ["input"])
write("text", Text(), ids, ["ids", "mask"])
write("transformer", Transformer(), rows(5, 8), ["input"])
odd = Odd()



def typed():
    """Every element type in its typed field (not as raw bytes), and attributes with the largest integers."""
    from onnx import TensorProto, helper, save

    values = {
        "FLOAT": [1.5, -2.0], "DOUBLE": [3.141592653589793, -1e300], "FLOAT16": [1.0, -2.0], "BFLOAT16": [1.0, -2.0],
        "INT8": [-128, 127], "INT16": [-32768, 32767], "INT32": [-(2**31), 2**31 - 1], "INT64": [-(2**63), 2**63 - 1],
        "UINT8": [0, 255], "UINT16": [0, 65535], "UINT32": [0, 2**32 - 1], "UINT64": [0, 2**64 - 1], "BOOL": [False, True],
    }
    tensors = [helper.make_tensor(key, getattr(TensorProto, key), [2], data) for key, data in values.items()]
    end = 2**63 - 1
    nodes = [helper.make_node("Slice", ["x"], ["y"], name="slice", starts=[1], ends=[end], axes=[0], smallest=-(2**63))]
    info = lambda key: helper.make_tensor_value_info(key, TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "typed", [info("x")], [info("y")], tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)]), out / "typed.onnx")


typed()
for opset in (9, 10, 11, 12, 13, 17, 18, 20):
    write(f"odd{opset}", odd, rows(6), ["input"], opset)
