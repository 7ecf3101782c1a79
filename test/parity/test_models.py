"""Models of many kinds, exported by both exporters of PyTorch, against float64 autograd."""

import json
import subprocess
import warnings

import numpy as np
import onnx
import pytest
import torch
import zoo
from conftest import CLI
from influence import influence
from losses import CrossEntropy, Distance, Sigmoid
from torch import nn

TRAIN, RATES = 6, [0.1, 0.05]
TOLERANCE = 2e-5
# Optimising folds weights into others: see test_optimised.
OPTIMIZE = False
OPSETS = {"TorchScript": 17, "dynamo": None}


class Refusal(Exception):
    """What the command line says instead of an answer."""


class InGraph:
    """The loss is an output of the model."""

    def __init__(self, output, names):
        self.index = names.index(output)

    def __call__(self, output, target):
        return (output if torch.is_tensor(output) else output[self.index]).sum()

    def predict(self, output, target):
        return torch.zeros(1, 1, dtype=torch.float64)


def loss_of(model):
    config = dict(getattr(model, "loss", {"type": "softmax-cross-entropy"}))
    kind = config["type"]
    reduction = config.get("reduction", "sum")
    if kind == "output":
        return InGraph(config["output"], model.outputs)
    if kind == "sigmoid-cross-entropy":
        return Sigmoid(reduction)
    if kind != "softmax-cross-entropy":
        return Distance(kind, reduction, **{key: value for key, value in config.items() if key == "delta"})
    if not hasattr(model, "targets"):
        return "softmax-cross-entropy"
    # [batch, classes, ...] for pixels, [batch, positions, classes] for tokens; told by the shapes in `class_axis`.
    return CrossEntropy(None, reduction, config.get("ignoreIndex", -100))


def class_axis(output, target):
    return next(axis for axis in (output.dim() - 1, 1) if list(output.shape[:axis] + output.shape[axis + 1 :]) == list(target.shape))


def randomise(model):
    """Other weights and running statistics, around the sizes that training would have."""
    for name, parameter in model.named_parameters():
        width = parameter[0].numel() if parameter.dim() > 1 else 4
        if parameter.requires_grad or parameter.dim() > 0:
            scale = width**-0.5
            with torch.no_grad():
                parameter.copy_(torch.randn_like(parameter) * scale + (1 if parameter.dim() == 1 and "bias" not in name else 0))
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)


def export(model, inputs, path, exporter, opset):
    outputs = list(getattr(model, "outputs", ("output",)))
    example = tuple(tensor[:2] for tensor in inputs.values())
    options = {} if opset is None else {"opset_version": opset}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            shapes = {name: {0: torch.export.Dim.DYNAMIC} for name in inputs}
            torch.onnx.export(
                model, example, str(path), dynamo=True, input_names=list(inputs), output_names=outputs, dynamic_shapes=shapes, verbose=False, optimize=OPTIMIZE, **options
            )
        else:
            torch.onnx.export(
                model,
                example,
                str(path),
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE,
                do_constant_folding=False,
                input_names=list(inputs),
                output_names=outputs,
                dynamic_axes={name: {0: "batch"} for name in [*inputs, *outputs]},
                **options,
            )


def workspace(model, inputs, target, folder, exporter, opset):
    """Model, checkpoints, data and tracin.json; returns the states."""
    states = []
    export(model, inputs, folder / "model.onnx", exporter, opset)
    for index in range(len(RATES)):
        randomise(model)
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        torch.save(states[-1], folder / f"checkpoint-{index + 1}.pt")
    features = {name: {"array": name} for name in inputs}
    fields = dict(inputs)
    data = {}
    if target is not None:
        fields["target"] = target
    for name, part in (("train", slice(0, TRAIN)), ("query", slice(TRAIN, None))):
        for key, value in fields.items():
            np.save(folder / f"{name}-{key}.npy", value[part].numpy())
        data[name] = {"npy": {key: f"{name}-{key}.npy" for key in fields}} | ({} if target is None else {"target": "target"})
    config = {
        "model": "model.onnx",
        "checkpoints": {"files": "checkpoint-*.pt", "learningRate": RATES},
        "data": data,
        "features": features,
        "loss": getattr(model, "loss", "softmax-cross-entropy"),
    }
    if hasattr(model, "frozen"):
        config["frozen"] = list(model.frozen)
    (folder / "tracin.json").write_text(json.dumps(config, indent=1))
    return states


def tracin(folder, *arguments):
    out = folder / f"{arguments[0]}.npy"
    done = subprocess.run(["node", CLI, *arguments, "--out", out.name, "--quiet"], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Refusal((done.stderr or done.stdout).strip())
    return np.load(out)


def differences(name, exporter, folder, opset=None):
    """Largest differences of scores and self-influence, relative to the largest of each query."""
    torch.manual_seed(sum(map(ord, name)))
    model = zoo.MODELS[name]().eval()
    inputs = model.inputs()
    make = getattr(model, "targets", None)
    config = getattr(model, "loss", {})
    target = None if config.get("type") == "output" else make() if make else torch.randint(0, zoo.CLASSES, (zoo.EXAMPLES,))
    states = workspace(model, inputs, target, folder, exporter, opset or OPSETS[exporter])
    loss = loss_of(model)
    targets = torch.zeros(zoo.EXAMPLES) if target is None else target
    if isinstance(loss, CrossEntropy):
        model.load_state_dict(states[0])
        with torch.no_grad():
            loss.axis = class_axis(model(*(value[:2] for value in inputs.values())), targets[:2])
    for parameter_name in getattr(model, "frozen", ()):
        model.get_parameter(parameter_name).requires_grad_(False)

    def part(rows):
        return [value[rows] for value in inputs.values()], targets[rows]

    expected = influence(model, states, RATES, part(slice(0, TRAIN)), part(slice(TRAIN, None)), loss)
    scores = expected["scores"].sum(0).numpy().T
    own = expected["self"].sum(0).numpy()
    found = tracin(folder, "scores", "--queries", f"query:0-{zoo.EXAMPLES - TRAIN - 1}")
    found_own = tracin(folder, "self-influence")
    assert np.abs(scores).max() > 0
    return np.abs(found - scores).max() / np.abs(scores).max(1).min(), np.abs(found_own - own).max() / own.max()


# What PyTorch itself cannot export that way.
NOT_EXPORTED = {
    ("weight norm and spectral norm", "TorchScript"),
    ("channel shuffle, grouped convolutions", "TorchScript"),
    # nn.Fold needs operator set 18.
    ("patches (unfold, fold), dilation", "TorchScript"),
    ("LSTM with projection", "TorchScript"),
    ("Llama-style decoder", "TorchScript"),
    ("nn.Bilinear", "TorchScript"),
    ("transformer decoder, cross attention", "dynamo"),
    ("packed sequences, two directions", "dynamo"),
    ("packed sequences, tagger", "dynamo"),
    ("distances to prototypes (cdist)", "dynamo"),
    # It looks whether a variance is negative.
    ("GaussianNLLLoss in the graph", "dynamo"),
}
REFUSED = {
    ("LSTM with projection", "dynamo"): "no recurrent layers with a projection",
    ("nn.EmbeddingBag", "TorchScript"): "loops",
    ("nn.EmbeddingBag", "dynamo"): "loops",
}
CASES = [(name, exporter) for name in zoo.MODELS for exporter in OPSETS if (name, exporter) not in NOT_EXPORTED]
FORMATS = {"TorchScript": "TorchScript exporter, opset 17; .pt", "dynamo": "dynamo exporter; .pt"}


@pytest.mark.parametrize(("name", "exporter"), CASES)
def test_model(name, exporter, tmp_path, record_compatibility):
    cell = record_compatibility("PyTorch", FORMATS[exporter], name)
    if (name, exporter) in REFUSED:
        with pytest.raises(Refusal, match=REFUSED[name, exporter]) as refusal:
            differences(name, exporter, tmp_path)
        return cell.refused(str(refusal.value))
    difference = max(differences(name, exporter, tmp_path))
    cell.passed(difference)
    assert difference <= TOLERANCE


@pytest.mark.parametrize(("name", "exporter"), sorted(NOT_EXPORTED))
def test_not_exported(name, exporter, tmp_path, record_compatibility):
    model = zoo.MODELS[name]().eval()
    with pytest.raises(Exception):  # noqa: B017  (each exporter has errors of its own)
        export(model, model.inputs(), tmp_path / "model.onnx", exporter, OPSETS[exporter])
    record_compatibility("PyTorch", FORMATS[exporter], name).not_exported()


SETS = "Operator sets of ONNX"
# From 23 on the exporter writes attention and RMS normalisation as one operator each; it has no 26 and later for models with them.
NEWER = ("GPT-style decoder, tied head", "Llama-style decoder", "LlamaForCausalLM", "vision transformer")
BETWEEN = ("BERT-style classifier", "GPT-style decoder, tied head", "U-Net, transposed convolutions", "group and instance normalisation")


def exporter_of(opset):
    """The older exporter of PyTorch 2.13 writes operator sets 7 to 20, the newer one 18 and later."""
    return "TorchScript" if opset < 18 else "dynamo"


@pytest.mark.parametrize(
    ("name", "opset"),
    [("ResNet-18", opset) for opset in range(9, 29)]
    + [(name, opset) for name in BETWEEN for opset in (13, 16, 20, 21, 22)]
    + [(name, opset) for name in NEWER for opset in (23, 25)],
)
def test_operator_sets(name, opset, tmp_path, record_compatibility):
    if opset == 13 and name.startswith("GPT"):
        pytest.skip("scaled_dot_product_attention needs operator set 14")
    difference = max(differences(name, exporter_of(opset), tmp_path, opset))
    assert onnx.load(tmp_path / "model.onnx", load_external_data=False).opset_import[0].version == opset
    assert difference <= TOLERANCE
    record_compatibility(SETS, name, str(opset)).passed(difference)


@pytest.mark.parametrize("opset", [7, 8])
def test_older_operator_sets(opset, tmp_path, record_compatibility):
    with pytest.raises(Refusal, match="9 to 28 are supported") as refusal:
        differences("ResNet-18", exporter_of(opset), tmp_path, opset)
    record_compatibility(SETS, "ResNet-18", str(opset)).refused(str(refusal.value))


def test_optimised(tmp_path, monkeypatch):
    """The newer exporter's default computes weights from others: refused, with what to do."""
    monkeypatch.setattr("test_models.OPTIMIZE", True)
    with pytest.raises(Refusal, match="optimize=False"):
        differences("normalised class weights (ArcFace)", "dynamo", tmp_path)
