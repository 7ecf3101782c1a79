"""Goldens for the architectures that people export, by both exporters of PyTorch; models and losses are those of the parity suite.

    python test/golden/architectures.py [NAME ...]

Writes test/unit/golden/tracin/model-NAME/. Needs onnxscript. See README.md for the format.
"""

import json
import sys
from pathlib import Path

import onnx
import torch
from safetensors.torch import save_file

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test" / "parity"))

import zoo  # noqa: E402
from influence import influence  # noqa: E402
from losses import CrossEntropy  # noqa: E402
from synthetic import OUT, QUERIES, RATES, TRAIN  # noqa: E402
from test_models import class_axis, export, loss_of, randomise  # noqa: E402

# Name of the golden -> model of the zoo, exporter, operator set.
GOLDENS = {
    "resnet-18": ("ResNet-18", "TorchScript", 17),
    "bert": ("BERT-style classifier", "dynamo", 21),
    "gpt": ("GPT-style decoder, tied head", "TorchScript", 15),
    "llama": ("Llama-style decoder", "dynamo", 18),
    "lstm": ("LSTM classifier, two layers, two directions", "TorchScript", 17),
    "lstm-tagger": ("LSTM tagger", "dynamo", 20),
    "packed": ("packed sequences, two directions", "TorchScript", 17),
    "packed-tagger": ("packed sequences, tagger", "TorchScript", 17),
    # Attention and RMS normalisation as one operator each.
    "vit-23": ("vision transformer", "dynamo", 23),
    "llama-24": ("Llama-style decoder", "dynamo", 24),
    "gru": ("GRU with attention", "dynamo", 20),
    "rnn": ("plain recurrent layers, learnt start", "TorchScript", 14),
    "segmentation": ("U-Net, transposed convolutions", "TorchScript", 16),
    "norms": ("group and instance normalisation", "dynamo", 21),
    "einsum": ("mixture of experts (einsum)", "TorchScript", 17),
    "conv3d": ("3D convolutions", "dynamo", 20),
    # With a branch that sizes decide.
    "squeezed": ("attention by a learnt query, squeezed", "TorchScript", 17),
    # Parameters by index tuples.
    "experts": ("mixture of experts (lookup)", "dynamo", 20),
    "patches": ("patches (unfold, fold), dilation", "TorchScript", 18),
    # onnxruntime's optimiser breaks the queries' graph.
    "convnext": ("ConvNextForImageClassification", "TorchScript", 17),
    "spectral-norm": ("weight norm and spectral norm", "dynamo", 20),
}


def without_paths(path):
    """The file without notes about the machine that wrote it; the module path of each node stays."""
    model = onnx.load(path)
    kept = ("pkg.torch.onnx.name_scopes", "pkg.torch.export.graph_signature.InputSpec.kind", "pkg.torch.export.graph_signature.InputSpec.persistent")
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.initializer, model.graph, model]:
        entries = [entry for entry in part.metadata_props if entry.key in kept]
        del part.metadata_props[:]
        part.metadata_props.extend(entries)
        part.doc_string = ""
    initializers = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.value_info if value.name in initializers and value.metadata_props]
    del model.graph.value_info[:]
    model.graph.value_info.extend(values)
    onnx.save(model, path, save_as_external_data=False)
    path.with_name(path.name + ".data").unlink(missing_ok=True)


def make(name):
    family, exporter, opset = GOLDENS[name]
    torch.manual_seed(sum(map(ord, name)))
    zoo.EXAMPLES = TRAIN + QUERIES
    zoo.ResNet18.width = 1
    model = zoo.MODELS[family]().eval()
    inputs = model.inputs()
    targets = model.targets() if hasattr(model, "targets") else torch.randint(0, zoo.CLASSES, (zoo.EXAMPLES,))
    folder = OUT / f"model-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    export(model, inputs, folder / "model.onnx", exporter, opset)
    without_paths(folder / "model.onnx")
    loss = loss_of(model)
    if isinstance(loss, CrossEntropy):
        with torch.no_grad():
            loss.axis = class_axis(model(*(value[:2] for value in inputs.values())), targets[:2])
    states = []
    for index in range(len(RATES)):
        randomise(model)
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        distinct = {value.data_ptr(): key for key, value in reversed(model.state_dict().items())}
        kept = {key: states[-1][key].contiguous() for key in distinct.values()}
        save_file(kept, folder / f"checkpoint-{index + 1}.safetensors", metadata={"step": str(100 * (index + 1))})

    def part(rows):
        return [tensor[rows].clone() for tensor in inputs.values()], targets[rows].clone()

    train, queries = part(slice(0, TRAIN)), part(slice(TRAIN, None))
    expected = influence(model, states, RATES, train, queries, loss)
    data = {"train.target": train[1], "query.target": queries[1]}
    for place, key in enumerate(inputs):
        data |= {f"train.{key}": train[0][place], f"query.{key}": queries[0][place]}
    save_file(data, folder / "inputs.safetensors")
    save_file(expected, folder / "expected.safetensors")
    isolated = isinstance(loss, CrossEntropy)
    golden = {
        "model": "model.onnx",
        "checkpoints": [f"checkpoint-{index + 1}.safetensors" for index in range(len(RATES))],
        "learningRates": RATES,
        "loss": loss.config() if isolated else {"type": "softmax-cross-entropy", "reduction": "sum"},
        **({"reading": loss.reading} if isolated else {}),
        "inputs": list(inputs),
        "parameters": [key for key, _ in model.named_parameters()],
        "buffers": [key for key, value in model.named_buffers() if value.is_floating_point() and key in states[0]],
    }
    (folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:14} {size // 1000} kB, losses of the queries {expected['queryLosses'].min():.2g} to {expected['queryLosses'].max():.2g}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in sys.argv[1:] or GOLDENS:
        make(chosen)
