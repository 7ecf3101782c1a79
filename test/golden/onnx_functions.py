"""A model whose operators are functions of its own, with what NumPy makes of its formulas.

    python test/golden/onnx_functions.py

Writes functions.onnx and functions.json to test/unit/golden/onnx. The functions call each other, take attributes with and without a
default, leave out an input and an output, hand an input on as an output, and name their values like those around them.
"""

import json

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from synthetic import ROOT

DOMAIN = "pkg.own"
OUT = ROOT / "test" / "unit" / "golden" / "onnx"
imports = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]


def referring(op, inputs, outputs, name, kind, reference, domain=""):
    """A node whose attribute is that of the function around it."""
    node = helper.make_node(op, inputs, outputs, domain=domain)
    attribute = node.attribute.add()
    attribute.name, attribute.type, attribute.ref_attr_name = name, kind, reference
    return node


INT, FLOAT = 2, 1
dense = helper.make_function(
    DOMAIN,
    "Dense",
    ["x", "weight", "bias"],
    ["y", "product"],
    [helper.make_node("MatMul", ["x", "weight"], ["product"]), helper.make_node("Add", ["product", "bias"], ["y"])],
    imports[:1],
)
# Its value "h" is also one of the graph; "alpha" is given by one call and has a default, "axis" has none and need not be given.
block = helper.make_function(
    DOMAIN,
    "Block",
    ["x", "weight", "bias", "gate"],
    ["y", "same"],
    [
        helper.make_node("Dense", ["x", "weight", "bias"], ["h"], domain=DOMAIN),
        referring("LeakyRelu", ["h"], ["bent"], "alpha", FLOAT, "alpha"),
        referring("Softmax", ["bent"], ["share"], "axis", INT, "axis"),
        helper.make_node("Clip", ["share", "gate", ""], ["kept"]),
        helper.make_node("Mul", ["bent", "kept"], ["y"]),
        helper.make_node("Identity", ["x"], ["same"]),
    ],
    imports,
    attributes=["axis"],
    attribute_protos=[helper.make_attribute("alpha", 0.25)],
)
rng = np.random.default_rng(0)
weights = {name: rng.normal(size=shape).astype("float32") for name, shape in {"w1": (4, 3), "b1": (3,), "w2": (3, 3), "b2": (3,), "floor": ()}.items()}
graph = helper.make_graph(
    [
        helper.make_node("Block", ["x", "w1", "b1", "floor"], ["h", ""], "first", domain=DOMAIN, alpha=0.5),
        helper.make_node("Block", ["h", "w2", "b2"], ["end", "again"], "second", domain=DOMAIN, axis=0),
        helper.make_node("Add", ["end", "again"], ["y"], "sum"),
    ],
    "functions",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    [numpy_helper.from_array(value, name) for name, value in weights.items()],
)
model = helper.make_model(graph, opset_imports=imports, functions=[dense, block], ir_version=10)
checker.check_model(model)
x = rng.normal(size=(2, 4)).astype("float32")


def block_of(x, weight, bias, alpha, axis, floor=-np.inf):
    h = x.astype("float64") @ weight + bias
    bent = np.where(h < 0, alpha * h, h)
    share = np.exp(bent) / np.exp(bent).sum(axis, keepdims=True)
    return bent * np.maximum(share, floor)


# By hand: the inliner of onnx 1.23 drops the defaults of attributes.
h = block_of(x, weights["w1"], weights["b1"], 0.5, -1, weights["floor"])
y = block_of(h, weights["w2"], weights["b2"], 0.25, 0) + h
save(model, OUT / "functions.onnx")
(OUT / "functions.json").write_text(json.dumps({"x": x.ravel().tolist(), "y": y.ravel().tolist()}) + "\n")
print(y)
