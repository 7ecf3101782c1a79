"""Parts of the first layer in scores, place by place, from PyTorch autograd in float64.

    python test/golden/places.py

For the samples' goldens (test/golden/tracin.py): three training examples on two queries, in the tangent form, which the product
does not use for this: with G the query's gradient of the first weight, the layer is applied to the training example with G in
place of its weight, and multiplied with the example's own deltas. For a dense layer, whose only position is the whole input, each
element of the input by itself; a transposed convolution gets one position of its input at a time. Rates are multiplied in and
checkpoints summed. Also for first layers of other kinds, of goldens of synthetic.py and architectures.py.
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test/unit/golden/tracin"
SAMPLES = {
    "digits-cnn": ("digits", "Cnn", "conv1", "fc"),
    "digits-mlp": ("digits", "Mlp", "fc1", "fc3"),
    "iris": ("iris", "Mlp", "layers.0", "layers.4"),
    "spam": ("spam", "TextModel", "embedding", "classify"),
}
TRAIN, QUERIES = 3, 2
sys.dont_write_bytecode = True
sys.path.append(str(ROOT / "test" / "parity"))

import synthetic  # noqa: E402
import zoo  # noqa: E402

OTHERS = {
    "transposed-first": (synthetic.TransposedFirst, "first"),
    "model-conv3d": (zoo.Conv3dNet, "conv"),
    "tied-embedding": (synthetic.TiedEmbedding, "embedding"),
}


def module(sample, name):
    spec = importlib.util.spec_from_file_location("make", ROOT / "samples" / sample / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    return getattr(make, name)()


def weights(file):
    if file.suffix == ".safetensors":
        return load_file(file)
    saved = torch.load(file, weights_only=False)
    return saved.get("model_state_dict", saved.get("model"))


def run(model, layer, inputs, label):
    """Input, delta and weight gradient of a layer, for the loss of one example."""
    seen = {}

    def keep(_, arguments, output):
        output.retain_grad()
        seen["x"], seen["y"] = arguments[0].detach(), output

    handle = layer.register_forward_hook(keep)
    model.zero_grad()
    output = model(**inputs) if isinstance(inputs, dict) else model(*inputs)
    nn.functional.cross_entropy(output, label).backward()
    handle.remove()
    return seen["x"], seen["y"].grad, layer.weight.grad.clone()


def places(layer, gradient, x, delta):
    if isinstance(layer, nn.Conv2d):
        return (delta * nn.functional.conv2d(x, gradient, padding=layer.padding, stride=layer.stride)).sum(1).flatten()
    if isinstance(layer, nn.Conv3d):
        return (delta * nn.functional.conv3d(x, gradient, padding=layer.padding, stride=layer.stride)).sum(1).flatten()
    if isinstance(layer, nn.ConvTranspose2d):
        size = x[0, 0].numel()
        alone = [x * (torch.arange(size) == place).reshape(x[0, 0].shape) for place in range(size)]
        moved = [nn.functional.conv_transpose2d(one, gradient, padding=layer.padding, stride=layer.stride) for one in alone]
        return torch.stack([(delta * one).sum() for one in moved])
    if isinstance(layer, nn.Embedding):
        return (delta * nn.functional.embedding(x, gradient)).sum(-1).flatten()
    return torch.stack([(delta * (x[:, [k]] @ gradient[:, [k]].T)).sum() for k in range(x.shape[1])])


def main():
    torch.set_default_dtype(torch.float64)
    tensors = {}
    for name, (sample, kind, first, last) in SAMPLES.items():
        golden = json.loads((GOLDEN / f"sample-{name}" / "golden.json").read_text())
        inputs = load_file(GOLDEN / f"sample-{name}" / "inputs.safetensors")
        model = module(sample, kind).eval()
        layer, head = model.get_submodule(first), model.get_submodule(last)

        def example(which, row, label):
            fields = {key.split(".", 1)[1]: value[row : row + 1] for key, value in inputs.items() if key.startswith(which)}
            fields.pop("target", None)
            fields = {key: value.double() if value.is_floating_point() else value for key, value in fields.items()}
            return fields, torch.tensor([label])

        sums, factors = {}, []
        for file, rate in zip(golden["checkpoints"], golden["learningRates"], strict=True):
            model.load_state_dict({key: value.double() if value.is_floating_point() else value for key, value in weights(ROOT / "samples" / sample / file).items()})
            for query in range(QUERIES):
                theirs = example("query", query, golden["queryLabels"][query])
                for row in range(TRAIN):
                    ours = example("train", row, int(inputs["train.target"][row]))
                    _, _, gradient = run(model, layer, *theirs)
                    x, delta, _ = run(model, layer, *ours)
                    parts = rate * places(layer, gradient, x, delta)
                    sums[query, row] = sums.get((query, row), 0) + parts.detach()
                    if file == golden["checkpoints"][-1]:
                        (xq, dq, _), (xz, dz, _) = run(model, head, *theirs), run(model, head, *ours)
                        factors.append(torch.stack([(dq * dz).sum(), (xq * xz).sum()]))
        pairs = [(query, row) for query in range(QUERIES) for row in range(TRAIN)]
        tensors[f"{name}/parts"] = torch.stack([sums[pair] for pair in pairs]).reshape(QUERIES, TRAIN, -1).contiguous()
        tensors[f"{name}/factors"] = torch.stack(factors).reshape(QUERIES, TRAIN, 2).contiguous()
        print(name, {key: tuple(value.shape) for key, value in tensors.items() if key.startswith(f"{name}/")})
    for name, (build, first) in OTHERS.items():
        tensors[f"{name}/parts"] = others(name, build().eval(), first)
        print(name, tuple(tensors[f"{name}/parts"].shape))
    save_file(tensors, ROOT / "test/unit/golden/places.safetensors")


def others(name, model, first):
    """[queries, train, places] of a golden in memory, whose queries are explained for their targets."""
    golden = json.loads((GOLDEN / name / "golden.json").read_text())
    inputs = {key: value.double() if value.is_floating_point() else value for key, value in load_file(GOLDEN / name / "inputs.safetensors").items()}
    layer, total = model.get_submodule(first), 0

    def example(which, row):
        fields = {key: inputs[f"{which}.{key}"][row : row + 1] for key in golden["inputs"]}
        return list(fields.values()), inputs[f"{which}.target"][row : row + 1]

    for file, rate in zip(golden["checkpoints"], golden["learningRates"], strict=True):
        state = load_file(GOLDEN / name / file)
        model.load_state_dict({key: value.double() if value.is_floating_point() else value for key, value in state.items()})
        pairs = []
        for query in range(QUERIES):
            _, _, gradient = run(model, layer, *example("query", query))
            for row in range(TRAIN):
                x, delta, _ = run(model, layer, *example("train", row))
                pairs.append(rate * places(layer, gradient, x, delta).detach())
        total = total + torch.stack(pairs).reshape(QUERIES, TRAIN, -1)
    return total.contiguous()


main()
