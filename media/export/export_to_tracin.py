"""Exports a PyTorch model to ONNX for TracIn, and compares names and shapes with its checkpoints.

Fill in the two lines marked with FILL IN, then run this script where your training code can be imported:

    python export_to_tracin.py checkpoints/*.pt

It writes model.onnx and needs PyTorch alone (for .safetensors files also the package safetensors).
The exit code is 0 when every checkpoint fits the model and, where the package onnxruntime is
installed, the file computes what the model does.
"""

import argparse
import glob
import inspect
import json
import pathlib
import re
import sys

import torch

# FILL IN 1: construct the model as the training did, for example:
#            from my_project import Net; model = Net(classes=10)
model = None

# FILL IN 2: an example input with two examples (a tuple for several inputs), for example:
#            example = torch.zeros(2, 1, 28, 28)
example = None


def main():
    parser = argparse.ArgumentParser(description="Export a PyTorch model for TracIn and check its checkpoints.")
    parser.add_argument("checkpoints", nargs="*", help="checkpoint files (.pt, .pth, .ckpt, .bin, .safetensors)")
    parser.add_argument("--output", default="model.onnx", help="the ONNX file to write (%(default)s)")
    arguments = parser.parse_args()
    if not isinstance(model, torch.nn.Module) or example is None:
        sys.exit("Fill in the two lines marked with FILL IN in this script first.")

    files = [file for pattern in arguments.checkpoints for file in sorted(glob.glob(pattern), key=natural) or [pattern]]
    results = [compare(file) for file in files]
    for file, rows in zip(files, results):
        report(file, rows)
    fits = all(verdict in ("ok", "surplus") for rows in results for _, verdict, _, _ in rows)
    if files and fits:
        # With the last weights, the exported file is a usable model of its own.
        load_weights(files[-1])
    faithful = export(arguments.output)
    if not files:
        print("No checkpoint was given, so none was compared.")
    sys.exit(0 if fits and faithful else 1)


def export(path):
    """What TracIn needs: evaluation mode, nothing fused or folded, and the names of the state_dict."""
    model.eval()
    inputs = example if isinstance(example, tuple) else (example,)
    names = list(inspect.signature(model.forward).parameters)[: len(inputs)]
    options = dict(input_names=names, output_names=["output"])
    traced = dict(
        dynamic_axes={name: {0: "batch"} for name in [*names, "output"]},
        training=torch.onnx.TrainingMode.PRESERVE,  # EVAL would fuse batch norm into convolutions
        do_constant_folding=False,  # folding would rename weights
        opset_version=17,
    )
    has_newer = "dynamo" in inspect.signature(torch.onnx.export).parameters
    try:
        torch.onnx.export(model, inputs, path, **options, **traced, **({"dynamo": False} if has_newer else {}))
    except Exception as error:
        if not has_newer:
            raise
        print(f"The older exporter cannot write this model ({str(error).strip().splitlines()[-1]}); trying the newer one, which needs the package onnxscript.")
        shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
        # Optimising would fold weights into others; external data would be a second file.
        torch.onnx.export(model, inputs, path, **options, dynamo=True, optimize=False, external_data=False, dynamic_shapes=shapes)
    print(f"Wrote {path} with the inputs {', '.join(names)}.")
    record(path, model)
    return same_outputs(path, names, inputs)


def same_outputs(path, names, inputs):
    """Runs the file and the model on the example: exporters may leave out what ONNX has no word for (divisor_override of a pool)."""
    try:
        import onnxruntime
    except ImportError:
        print("WARNING: whether the file computes what the model does was not checked. For that: pip install onnxruntime")
        return True
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    known = {value.name for value in session.get_inputs()}
    found = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, inputs) if name in known})
    with torch.no_grad():
        expected = model(*inputs)
    expected = [value for value in (expected if isinstance(expected, (tuple, list)) else [expected]) if torch.is_tensor(value)]
    for ours, theirs in zip(found, expected):
        theirs = theirs.double()
        ours = torch.as_tensor(ours).double()
        size = max(1.0, theirs.abs().max().item())
        # Not-a-number fails too.
        if ours.shape != theirs.shape or not (ours - theirs).abs().max().item() <= 1e-3 * size:
            print("ERROR: the file does not compute what the model does; its scores would be wrong. Rewrite what ONNX cannot say, such as divisor_override.")
            return False
    print("The file computes what the model does.")
    return True


def record(path, model):
    """Appends to the ONNX file, as metadata, what its graph does not tell: what is not trained, padding rows, tied names, order."""
    state = tensors(model.state_dict(keep_vars=True))
    is_parameter = lambda tensor: isinstance(tensor, torch.nn.Parameter)
    embeddings = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    padding = {}
    for name, tensor in state.items():
        rows = {module.padding_idx for module in embeddings if module.weight is tensor}
        if len(rows) > 1:
            print(f"{name} is the table of several embeddings, with padding_idx {rows}: it is recorded without.")
        elif rows and rows != {None}:
            padding[name] = rows.pop()
    groups = {}
    for name, tensor in state.items():
        groups.setdefault(id(tensor), []).append(name)
    recorded = {
        "version": 1,
        "buffers": [name for name, value in state.items() if not is_parameter(value) and value.is_floating_point()],
        "frozen": [name for name, value in state.items() if is_parameter(value) and not value.requires_grad],
        "paddingRows": padding,
        "tied": [names for names in groups.values() if len(names) > 1],
        "parameters": [name for name, _ in model.named_parameters()],
    }
    with open(path, "ab") as file:
        # Protobuf messages may be joined: 14 is ModelProto.metadata_props, with 1 key and 2 value.
        file.write(field(14, field(1, b"tracin") + field(2, json.dumps(recorded).encode())))
    for what in ("buffers", "frozen", "paddingRows", "tied"):
        print(f"Recorded {what}: {json.dumps(recorded[what])}")


def field(number, content):
    """One protobuf field of bytes: number and type 2, length, content."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def compare(file):
    """Rows (tensor, verdict, shape in the model, shape in the checkpoint) for one file."""
    try:
        found = read(file)
    except Exception as error:  # whatever the file is, the other files are compared too
        return [(str(error).strip().splitlines()[0], "unreadable", "", "")]
    expected = tensors(model.state_dict())
    found = without_prefix(found, expected)
    rows = []
    for name in [*expected, *(name for name in found if name not in expected)]:
        ours, theirs = shape(expected.get(name)), shape(found.get(name))
        verdict = "missing" if not theirs else "surplus" if not ours else "ok" if ours == theirs else "mismatch"
        rows.append((name, verdict, ours, theirs))
    return rows


def read(file):
    """The state_dict of a checkpoint, wherever the file keeps it. Nothing in the file is executed."""
    if str(file).endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(file)
    saved = torch.load(file, map_location="cpu", weights_only=True)
    if not tensors(saved):
        for key in ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights"):
            if isinstance(saved.get(key), dict) and tensors(saved[key]):
                return tensors(saved[key])
        raise ValueError(f"no state_dict was found; the file has the keys {', '.join(map(str, saved))}")
    return tensors(saved)


def tensors(saved):
    """Weights and buffers by name; batch counters do not matter."""
    items = saved.items() if isinstance(saved, dict) else ()
    return {k: v for k, v in items if torch.is_tensor(v) and not str(k).endswith("num_batches_tracked")}


def without_prefix(found, expected):
    """Wrappers add prefixes (`module.`, `model.`, `_orig_mod.`): the one that fits best is taken off."""
    prefixes = {name[: -len(known)] for name in found for known in expected if name.endswith(f".{known}")}
    fit = lambda prefix: sum(prefix + known in found for known in expected)
    best = max(["", *sorted(prefixes, key=len)], key=fit)
    return {name[len(best) :] if name.startswith(best) else name: value for name, value in found.items()}


def load_weights(file):
    expected = tensors(model.state_dict())
    found = without_prefix(read(file), expected)
    model.load_state_dict({name: found[name] for name in expected}, strict=False)


def report(file, rows):
    """One line for a file that fits, else a table of what does not."""
    if any(verdict == "unreadable" for _, verdict, _, _ in rows):
        return print(f"{file}: unreadable: {rows[0][0]}")
    count = sum(verdict == "ok" for _, verdict, _, _ in rows)
    wrong = [row for row in rows if row[1] != "ok"]
    print(f"{file}: {count} tensors fit" + (f", {len(wrong)} do not:" if wrong else "."))
    table = [("tensor", "", "model", "checkpoint"), *wrong] if wrong else []
    widths = [max(len(row[column]) for row in table) for column in range(4)] if table else []
    for row in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def shape(tensor):
    return "" if tensor is None else str(list(tensor.shape))


def natural(name):
    """epoch-2 before epoch-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(pathlib.PurePath(name)))]


if __name__ == "__main__":
    main()
