"""Turns the ONNX project's own backend node tests into one compact file for the reference engine.

    python test/golden/onnx_backend.py

Writes test/unit/golden/onnx-backend/cases.json.gz. Needs the `onnx` package (made with 1.23). Each case holds its
nodes, and every tensor as {dtype, shape, data (little-endian bytes in base64)}; an absent optional input is "".
What is left out, and why, stands below and is printed.
"""

import base64
import collections
import gzip
import json
import pathlib
import warnings

import numpy as np
from onnx import AttributeProto, TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

warnings.filterwarnings("ignore")

# Operators that the importer writes with simpler ones (src/core/models/expand.ts); their cases are a file of their own.
EXPANDED = """
Attention Einsum GRU GroupNormalization InstanceNormalization LSTM NegativeLogLikelihoodLoss RMSNormalization RNN RotaryEmbedding
SoftmaxCrossEntropyLoss SwiGLU Swish
""".split()
EXPANDED_TARGET = pathlib.Path(__file__).parent.parent / "unit/golden/onnx-backend/expanded.json.gz"

TARGET = pathlib.Path(__file__).parent.parent / "unit/golden/onnx-backend/cases.json.gz"

# The operators of the reference engine.
OPERATORS = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Col2Im
Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp
Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
HardSigmoid HardSwish Identity IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max
MaxPool Mean Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements
ScatterND Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub
Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
""".split()

DTYPES = "float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split()

# Larger cases repeat what smaller ones show; Erf has no smaller one.
MOST_ELEMENTS = 3000
LARGE_BUT_KEPT = ["test_erf"]
# Of one long vector through an elementwise operator, every n-th element will do.
THINNED = {"test_mish": 100}

# Cases that the engine refuses with an error, on purpose. A name may be the beginning of several.
LEFT_OUT = {
    "test_batchnorm_epsilon_training_mode": "training mode",
    "test_batchnorm_example_training_mode": "training mode",
    "test_training_dropout": "training mode is random",
    "test_maxpool_with_argmax_2d_precomputed_strides": "column-major indices",
    "test_spacetodepth_crd_mode": "a mode that our operator set does not have",
    "test_resize_tf_crop_and_resize": "Resize to a region of interest",
    "test_resize_downsample_scales_linear_align_corners": "corners are aligned with whole sizes, as onnxruntime and PyTorch do it",
    "test_resize_downsample_scales_cubic_align_corners": "corners are aligned with whole sizes, as onnxruntime and PyTorch do it",
    "test_causal": "the expansion of an operator newer than operator set 21",
    "test_reduce_log_sum_exp_empty_set_expanded": "infinity in float64, which TensorFlow.js has not",
    "test_einsum_batch_diagonal": "an ellipsis in the equation",
}


def why_not(case):
    """The reason to leave a case out, or None."""
    for name, reason in LEFT_OUT.items():
        if case.name.startswith(name):
            return reason
    graph = case.model.graph
    if case.name.startswith("test_attention"):
        node = graph.node[0]
        if node.op_type != "Attention":
            return "the expansion of an operator newer than operator set 21"
        if any(node.input[4:]) or any(node.output[1:]):
            return "attention with a cache, or its scores as an output"
    unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS) - set(EXPANDED))
    if unknown or any(node.domain for node in graph.node):
        return "operators beyond the engine's"
    if len(case.data_sets) != 1 or graph.initializer:
        return "not one data set of plain inputs"
    tensors = [plain(tensor) for part in case.data_sets[0] for tensor in part]
    if not all(isinstance(tensor, (np.ndarray, np.generic)) for tensor in tensors):
        return "sequences, optionals or sparse tensors"
    if not all(np.asarray(tensor).dtype.name in DTYPES for tensor in tensors):
        return "element types beyond the engine's (text, 4, 8 or 16 bit floats)"
    if any(a.type not in READERS for node in graph.node for a in node.attribute):
        return "attributes beyond the engine's"
    size = sum(np.asarray(tensor).size for tensor in tensors)
    if size > MOST_ELEMENTS and case.name not in [*LARGE_BUT_KEPT, *THINNED]:
        return "large"
    return None


def plain(value):
    """Some cases hold tensors in ONNX's own form."""
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def tensor(array):
    array = np.asarray(plain(array))
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(little.tobytes()).decode(),
    }


READERS = {
    AttributeProto.INT: lambda a: ("int", a.i),
    AttributeProto.FLOAT: lambda a: ("float", a.f),
    AttributeProto.STRING: lambda a: ("string", a.s.decode()),
    AttributeProto.INTS: lambda a: ("ints", list(a.ints)),
    AttributeProto.STRINGS: lambda a: ("strings", [text.decode() for text in a.strings]),
    AttributeProto.FLOATS: lambda a: ("floats", list(a.floats)),
    AttributeProto.TENSOR: lambda a: ("tensor", tensor(numpy_helper.to_array(a.t))),
}


def attribute(proto):
    kind, value = READERS[proto.type](proto)
    return {"type": kind, "value": value}


def converted(case):
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    step = THINNED.get(case.name)
    thin = lambda value: plain(value)[::step] if step else value
    return {
        "name": case.name,
        "nodes": [
            {
                "op": node.op_type,
                "name": f"{case.name}.{index}",
                "inputs": list(node.input),
                "outputs": list(node.output),
                "attributes": {a.name: attribute(a) for a in node.attribute},
            }
            for index, node in enumerate(graph.node)
        ],
        "inputs": {info.name: tensor(thin(value)) for info, value in zip(graph.input, inputs)},
        "outputs": {info.name: tensor(thin(value)) for info, value in zip(graph.output, outputs)},
        "rtol": case.rtol,
        "atol": case.atol,
    }


def main():
    kept, expanded, left_out = [], [], collections.defaultdict(list)
    for case in sorted(collect_testcases(None), key=lambda case: case.name):
        reason = why_not(case)
        is_expanded = any(node.op_type in EXPANDED for node in case.model.graph.node)
        if reason is None and is_expanded:
            version = next(entry.version for entry in case.model.opset_import if not entry.domain)
            expanded.append(converted(case) | {"opset": version})
        if reason is None and all(node.op_type in OPERATORS for node in case.model.graph.node):
            kept.append(converted(case))
        elif reason is None:
            pass
        else:
            left_out[reason].append(case.name)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    for target, cases in ((TARGET, kept), (EXPANDED_TARGET, expanded)):
        text = json.dumps(cases, separators=(",", ":"))
        target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(expanded)} cases of expanded operators, {EXPANDED_TARGET.stat().st_size} bytes")
    print(f"{len(kept)} cases, {TARGET.stat().st_size} bytes")
    operators = {node["op"] for case in kept for node in case["nodes"]}
    print("operators without a case:", *sorted(set(OPERATORS) - operators))
    for reason, names in left_out.items():
        print(f"left out ({reason}): {len(names)}")
        if reason != "operators beyond the engine's":
            print("   ", *names)


if __name__ == "__main__":
    main()
