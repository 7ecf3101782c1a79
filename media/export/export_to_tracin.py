"""Exports a PyTorch model to ONNX for TracIn, and compares names and shapes with its checkpoints.

Fill in the two lines marked with FILL IN, then run this script where your training code can be imported:

    python export_to_tracin.py checkpoints/*.pt

Folders that a trainer wrote (out/checkpoint-*) can be named too. It writes model.onnx and needs PyTorch alone (for
.safetensors files also the package safetensors).
The exit code is 0 when every checkpoint fits the model and, where the package onnxruntime is
installed, the file computes what the model does.
"""

import argparse
import collections.abc
import functools
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

# FILL IN 2: an example input with two examples (for several inputs a tuple, or a dictionary by name), for example:
#            example = torch.zeros(2, 1, 28, 28)
#            example = tokenizer(["one text", "another"], padding="max_length", max_length=64, return_tensors="pt")
example = None


def main():
    parser = argparse.ArgumentParser(description="Export a PyTorch model for TracIn and check its checkpoints.")
    parser.add_argument("checkpoints", nargs="*", help="checkpoint files (.pt, .pth, .ckpt, .bin, .safetensors) or folders of trainers")
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
    for config in {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}.values():
        if getattr(config, "use_cache", False):
            config.use_cache = False  # transformers: what is kept for generating text is no output of a training
    names, inputs = named_inputs()
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
        print(f"The older exporter cannot write this model ({last_line(error)}).")
        is_same = False
    else:
        is_same = same_outputs(path, names, inputs)
    if not is_same and has_newer:
        print("Trying the newer exporter, which needs the package onnxscript.")
        shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
        # Optimising would fold weights into others; external data would be a second file.
        torch.onnx.export(model, inputs, path, **options, dynamo=True, optimize=False, external_data=False, dynamic_shapes=shapes)
        is_same = same_outputs(path, names, inputs)
    if not is_same:
        print("ERROR: the file does not compute what the model does; its scores would be wrong. Rewrite what ONNX cannot say, such as divisor_override.")
    print(f"Wrote {path} with the inputs {', '.join(names)}.")
    record(path, model)
    warn_of_stops(inputs)
    return is_same


class Stops(torch.overrides.TorchFunctionMode):
    """Notes which modules stop gradients: ONNX has no word for that."""

    def __init__(self):
        super().__init__()
        self.modules = set()

    def __torch_function__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        takes_gradient = any(torch.is_tensor(value) and value.requires_grad for value in arguments)
        is_float = torch.is_tensor(result) and result.is_floating_point()
        # Others that give no gradient are those of numbers alone, such as zeros_like.
        stops = not torch.is_grad_enabled() or getattr(function, "__name__", "") in ("detach", "detach_", "__get__")
        if stops and is_float and takes_gradient and not result.requires_grad:
            frame = inspect.currentframe()
            while frame and not isinstance(frame.f_locals.get("self"), torch.nn.Module):
                frame = frame.f_back
            self.modules.add(type(frame.f_locals["self"]).__name__ if frame else "the model")
        return result


def warn_of_stops(inputs):
    with torch.enable_grad(), Stops() as stops:
        model(*inputs)
    if stops.modules:
        print(
            f"WARNING: {', '.join(sorted(stops.modules))}: gradients are stopped there (detach, torch.no_grad), which an ONNX file cannot say."
            " TracIn lets them pass, so the scores of parameters before such a place differ from those of the training."
        )


def named_inputs():
    """Names and tensors of the example. With a dictionary, the model takes exactly these arguments from here on: exporters go by position."""
    arguments = list(inspect.signature(model.forward).parameters)
    if not isinstance(example, collections.abc.Mapping):
        inputs = example if isinstance(example, tuple) else (example,)
        return arguments[: len(inputs)], inputs
    names, forward = list(example), model.forward
    model.forward = lambda *inputs: forward(**dict(zip(names, inputs)))
    model.forward.__signature__ = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    return names, tuple(example.values())


def last_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def same_outputs(path, names, inputs):
    """Runs the file and the model on the example: exporters may leave out what ONNX has no word for (divisor_override of a pool)."""
    try:
        import onnxruntime
    except ImportError:
        print("WARNING: whether the file computes what the model does was not checked. For that: pip install onnxruntime")
        return True
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        known = {value.name for value in session.get_inputs()}
        found = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, inputs) if name in known})
    except Exception as error:
        print(f"The file cannot be run by onnxruntime ({last_line(error)}).")
        return False
    with torch.no_grad():
        expected = list(flat(model(*inputs)))
    if not expected:
        print("WARNING: the model returns no tensors, so whether the file computes what it does was not checked.")
    for ours, theirs in zip(found, expected):
        theirs = theirs.double()
        ours = torch.as_tensor(ours).double()
        size = max(1.0, theirs.abs().max().item())
        # Not-a-number fails too.
        if ours.shape != theirs.shape or not (ours - theirs).abs().max().item() <= 1e-3 * size:
            print("The file does not compute what the model does.")
            return False
    print("The file computes what the model does.")
    return True


def flat(output):
    """The tensors of what a model returns, in the order of the file's outputs."""
    if torch.is_tensor(output):
        yield output
    elif isinstance(output, (tuple, list, collections.abc.Mapping)):
        for value in output.values() if isinstance(output, collections.abc.Mapping) else output:
            yield from flat(value)


def record(path, model):
    """Appends to the ONNX file, as metadata, what its graph does not tell: what is not trained, padding rows, other names, order."""
    state = tensors(model.state_dict(keep_vars=True))
    embeddings = [module for module in model.modules() if isinstance(module, torch.nn.Embedding)]
    padding = {}
    for name, tensor in state.items():
        rows = {module.padding_idx for module in embeddings if module.weight is tensor}
        if len(rows) > 1:
            print(f"{name} is the table of several embeddings, with padding_idx {rows}: it is recorded without.")
        elif rows and rows != {None}:
            padding[name] = rows.pop()
    recorded = {
        "version": 1,
        "buffers": [name for name, value in state.items() if not isinstance(value, torch.nn.Parameter) and value.is_floating_point()],
        "frozen": frozen_names(model),
        "paddingRows": padding,
        "tied": same_tensors(model),
        "parameters": [name for name, _ in model.named_parameters()],
    }
    with open(path, "ab") as file:
        # Protobuf messages may be joined: 14 is ModelProto.metadata_props, with 1 key and 2 value.
        file.write(field(14, field(1, b"tracin") + field(2, json.dumps(recorded).encode())))
    for what in ("buffers", "frozen", "paddingRows", "tied"):
        print(f"Recorded {what}: {json.dumps(recorded[what])}")


def frozen_names(model):
    state = tensors(model.state_dict(keep_vars=True))
    return [name for name, value in state.items() if isinstance(value, torch.nn.Parameter) and not value.requires_grad]


@functools.cache
def same_tensors(model):
    """Groups of names that are one tensor: tied weights, and the names under which transformers saves a tensor of the model."""
    groups = {}
    for state in (model.state_dict(keep_vars=True), names_in_files(model)):
        for name, tensor in tensors(state).items():
            names = groups.setdefault(id(tensor), [])
            names.extend([] if name in names else [name])
    return [names for names in groups.values() if len(names) > 1]


def names_in_files(model):
    """What save_pretrained would write, where the package names things otherwise than the model: transformers from version 5 on, and PEFT."""
    state = dict(model.state_dict(keep_vars=True))
    try:
        if hasattr(model, "peft_config"):
            from peft import get_peft_model_state_dict

            return get_peft_model_state_dict(model, state)
        from transformers.core_model_loading import revert_weight_conversion

        return revert_weight_conversion(model, state)
    except Exception:  # neither, another version, or no model of theirs
        return {}


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
        return [(last_line(error), "unreadable", "", "")]
    expected = tensors(model.state_dict())
    found = with_own_names(found, expected)
    # An adapter's file holds what was added to a model, nothing that was frozen.
    optional = frozen_names(model) if holds_adapter(file) else []
    rows = []
    for name in [*expected, *(name for name in found if name not in expected)]:
        ours, theirs = shape(expected.get(name)), shape(found.get(name))
        verdict = "missing" if not theirs else "surplus" if not ours else "ok" if ours == theirs else "mismatch"
        if verdict != "missing" or name not in optional:
            rows.append((name, verdict, ours, theirs))
    return rows


def weight_files(path):
    """A file itself, or the files with weights in a folder that a trainer wrote."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return [path]
    for pattern in ("model*.safetensors", "pytorch_model*.bin", "adapter_model.safetensors", "adapter_model.bin"):
        files = sorted(path.glob(pattern))
        if files:
            return files
    raise ValueError("the folder holds no weights")


def holds_adapter(file):
    return weight_files(file)[0].name.startswith("adapter_model")


def read(file):
    """The state_dict of a checkpoint, wherever it is kept. Nothing in a file is executed."""
    return {name: tensor for part in weight_files(file) for name, tensor in read_file(part).items()}


def read_file(file):
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return tensors(load_file(file))
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


def with_own_names(found, expected):
    """Wrappers add prefixes (`module.`, `model.`, `_orig_mod.`): the one that fits best is taken off. A tensor of several names has all."""
    prefixes = {name[: -len(known)] for name in found for known in expected if name.endswith(f".{known}")}
    fit = lambda prefix: sum(prefix + known in found for known in expected)
    best = max(["", *sorted(prefixes, key=len)], key=fit)
    found = {name[len(best) :] if name.startswith(best) else name: value for name, value in found.items()}
    for names in same_tensors(model):
        held = [name for name in names if name in found]
        wanted = [name for name in names if name in expected and name not in found]
        if held and wanted:
            value = found[held[0]] if held[0] in expected else found.pop(held[0])
            found.update(dict.fromkeys(wanted, value))
    return found


def load_weights(file):
    expected = tensors(model.state_dict())
    found = with_own_names(read(file), expected)
    model.load_state_dict({name: found[name] for name in expected if name in found}, strict=False)


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
