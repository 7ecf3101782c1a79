"""What the `onnx` package reads from the metadata that PyTorch's newer exporter writes, for the models in test/unit/golden/tracin.

    python test/golden/onnx_origins.py

Writes test/unit/golden/onnx/origins.json: by model, the kind of each initializer, those that are not persistent, and of each node's first output the
module path of the call (second to last of its scopes), where it has one.
"""

import ast
import json

import onnx
from synthetic import ROOT

GOLDENS = ROOT / "test" / "unit" / "golden"
PREFIX = "pkg.torch.export.graph_signature.InputSpec."
found = {}
for path in sorted(GOLDENS.glob("tracin/model-*/model.onnx")):
    graph = onnx.load(path).graph
    entries = {value.name: {entry.key: entry.value for entry in value.metadata_props} for value in graph.value_info}
    kinds = {name: values[f"{PREFIX}kind"].split(".")[-1] for name, values in entries.items() if f"{PREFIX}kind" in values}
    if not kinds:
        continue
    modules = {}
    for node in graph.node:
        scopes = next((ast.literal_eval(entry.value) for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"), [])
        if len(scopes) > 1 and scopes[-2] and not scopes[-2].startswith("_"):
            modules[node.output[0]] = scopes[-2]
    transient = [name for name, kind in kinds.items() if kind == "BUFFER" and entries[name].get(f"{PREFIX}persistent") == "False"]
    found[path.parent.name] = {"kinds": kinds, "transient": transient, "modules": modules}
(GOLDENS / "onnx" / "origins.json").write_text(json.dumps(found) + "\n")
print({name: {key: len(value) for key, value in each.items()} for name, each in found.items()})
