"""The operators of the ONNX standard, as the `onnx` package lists them.

    python test/golden/onnx_operators.py

Writes test/unit/golden/onnx/operators.json: names in the default domain that are not deprecated, by the operator set in which each came.
"""

import json

import onnx
from onnx import defs
from synthetic import ROOT

first, last = {}, {}
for schema in defs.get_all_schemas_with_history():
    if schema.domain == "":
        first[schema.name] = min(first.get(schema.name, 99), schema.since_version)
        if schema.since_version >= last.get(schema.name, (0, False))[0]:
            last[schema.name] = (schema.since_version, schema.deprecated)
current = {name: since for name, since in sorted(first.items()) if not last[name][1]}
path = ROOT / "test" / "unit" / "golden" / "onnx" / "operators.json"
path.write_text(json.dumps({"version": onnx.__version__, "opset": defs.onnx_opset_version(), "operators": current}) + "\n")
print(len(current), "operators, deprecated:", *(name for name, (_, deprecated) in last.items() if deprecated))
