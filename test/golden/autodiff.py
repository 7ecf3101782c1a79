"""Gradients of small graphs by PyTorch autograd in float64, for the gradient rules.

    python test/golden/autodiff.py

Writes test/unit/golden/autodiff/cases.json.gz. A case is a graph of ONNX operators, values for everything that it starts
from, the gradient of the loss at its output `y` (`seed`), and what PyTorch says: `y`, and the gradient of each wanted value.
Tensors are {dtype, shape, data (little-endian bytes in base64)}.
"""

import base64
import gzip
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

TARGET = pathlib.Path(__file__).parent.parent / "unit/golden/autodiff/cases.json.gz"

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
rand = torch.randn
cases = []


def ties(*shape):
    """Small integers: most windows hold their maximum more than once."""
    return torch.randint(0, 3, shape).to(torch.float64)


def tensor(value):
    array = np.ascontiguousarray(value.detach().numpy())
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def attribute(value):
    if isinstance(value, float):
        return {"type": "float", "value": value}
    if isinstance(value, int):
        return {"type": "int", "value": value}
    if isinstance(value, str):
        return {"type": "string", "value": value}
    return {"type": "ints", "value": list(value)}


def node(op, inputs, output, **attributes):
    return {
        "op": op,
        "name": f"/{output}/{op}",
        "inputs": inputs.split(),
        "outputs": [output],
        "attributes": {name: attribute(value) for name, value in attributes.items()},
    }


def case(name, nodes, values, function, wanted=None):
    """`function` computes y from the values by name; floating values are wanted unless told."""
    values = {key: torch.as_tensor(value) for key, value in values.items()}
    wanted = wanted or [key for key, value in values.items() if value.is_floating_point()]
    for key in wanted:
        values[key] = values[key].clone().requires_grad_(True)
    y = function(**values)
    seed = rand(*y.shape)
    gradients = torch.autograd.grad(y, [values[key] for key in wanted], seed)
    cases.append(
        {
            "name": name,
            "nodes": nodes,
            "values": {key: tensor(value) for key, value in values.items()},
            "seed": tensor(seed),
            "y": tensor(y),
            "gradients": {key: tensor(g) for key, g in zip(wanted, gradients)},
        }
    )


ints = torch.tensor

# Normalisation.
for shape in [(3, 4, 5, 2), (6, 4), (2, 3, 7)]:
    channels = shape[1]
    case(
        f"batch norm in evaluation mode, rank {len(shape)}",
        [node("BatchNormalization", "x gamma beta mean var", "y", epsilon=1e-5)],
        dict(x=rand(*shape), gamma=rand(channels), beta=rand(channels), mean=rand(channels), var=torch.rand(channels) + 0.1),
        lambda x, gamma, beta, mean, var: F.batch_norm(x, mean, var, gamma, beta, False, 0.0, 1e-5),
        ["x", "gamma", "beta"],
    )

# Pools: ties go to the first maximum of the window.
for name, size, options in [
    ("2 x 2", (6, 6), dict(kernel_size=2)),
    ("2 x 2 with rows left over", (7, 5), dict(kernel_size=2)),
    ("overlapping 2 x 2", (6, 5), dict(kernel_size=2, stride=1)),
    ("padded 2 x 3", (5, 6), dict(kernel_size=(2, 3), stride=2, padding=(1, 1))),
    ("overlapping 3 x 3, as in ResNet", (8, 8), dict(kernel_size=3, stride=2, padding=1)),
    ("dilated 3 x 3", (9, 8), dict(kernel_size=3, stride=1, dilation=2, padding=1)),
    ("2 x 2 rounded up", (5, 7), dict(kernel_size=2, ceil_mode=True)),
    ("3 x 3 rounded up and padded", (6, 7), dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)),
]:
    pair = lambda value: [value, value] if isinstance(value, int) else list(value)
    kernel = pair(options["kernel_size"])
    case(
        f"max pool with ties, {name}",
        [
            node(
                "MaxPool", "x", "y",
                kernel_shape=kernel,
                strides=pair(options.get("stride", kernel)),
                pads=pair(options.get("padding", 0)) * 2,
                dilations=pair(options.get("dilation", 1)),
                ceil_mode=int(options.get("ceil_mode", False)),
            )
        ],
        dict(x=ties(2, 3, *size)),
        lambda x, options=options: F.max_pool2d(x, **options),
    )
case(
    "max pool with ties over a sequence",
    [node("MaxPool", "x", "y", kernel_shape=[3], strides=[2], pads=[1, 1])],
    dict(x=ties(2, 3, 9)),
    lambda x: F.max_pool1d(x, 3, 2, 1),
)
for include in (False, True):
    for ceil in (False, True):
        case(
            f"average pool, count_include_pad {include}, ceil_mode {ceil}",
            [
                node(
                    "AveragePool", "x", "y",
                    kernel_shape=[3, 2], strides=[2, 3], pads=[1, 1, 1, 1], count_include_pad=int(include), ceil_mode=int(ceil),
                )
            ],
            dict(x=rand(2, 3, 6, 7)),
            lambda x, include=include, ceil=ceil: F.avg_pool2d(x, (3, 2), (2, 3), 1, ceil, include),
        )
case("global average pool", [node("GlobalAveragePool", "x", "y")], dict(x=rand(2, 3, 4, 5)), lambda x: F.adaptive_avg_pool2d(x, 1))
case("global max pool with ties", [node("GlobalMaxPool", "x", "y")], dict(x=ties(2, 3, 4, 5)), lambda x: F.adaptive_max_pool2d(x, 1))
case("amax with ties", [node("ReduceMax", "x axes", "y", keepdims=0)], dict(x=ties(3, 4, 5), axes=ints([0, 2])), lambda x, axes: x.amax((0, 2)))

# Convolutions.
for name, x, w, options in [
    ("plain 3 x 3", (2, 3, 6, 7), (4, 3, 3, 3), dict(padding=1)),
    ("stride 2 with rows left over", (2, 3, 8, 7), (4, 3, 3, 3), dict(stride=2, padding=1)),
    ("groups, dilation, stride and padding", (2, 4, 11, 10), (6, 2, 3, 2), dict(stride=(2, 3), padding=(2, 1), dilation=(2, 3), groups=2)),
    ("depthwise", (2, 5, 6, 6), (5, 1, 3, 3), dict(padding=1, groups=5)),
    ("1 x 1 with stride", (2, 4, 5, 6), (3, 4, 1, 1), dict(stride=2)),
    ("over a sequence", (2, 3, 12), (4, 3, 5), dict(stride=2, dilation=2, padding=3)),
    ("over a volume", (2, 1, 4, 3, 4), (2, 1, 3, 2, 2), dict(stride=2, padding=1)),
]:
    rank = len(x) - 2
    wide = lambda value: [value] * rank if isinstance(value, int) else list(value)
    convolve = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    case(
        f"convolution, {name}",
        [
            node(
                "Conv", "x w b", "y",
                strides=wide(options.get("stride", 1)),
                pads=wide(options.get("padding", 0)) * 2,
                dilations=wide(options.get("dilation", 1)),
                group=options.get("groups", 1),
            )
        ],
        dict(x=rand(*x), w=rand(*w), b=rand(w[0])),
        lambda x, w, b, convolve=convolve, options=options: convolve(x, w, b, **options),
    )

for name, x, w, options in [
    ("stride 2 with output padding", (2, 3, 4, 5), (3, 4, 3, 3), dict(stride=2, padding=1, output_padding=1)),
    ("groups, dilation and stride", (2, 4, 5, 4), (4, 3, 3, 2), dict(stride=(2, 3), padding=(2, 1), dilation=(2, 3), groups=2)),
    ("over a sequence", (2, 3, 6), (3, 4, 5), dict(stride=2, dilation=2, padding=3)),
    ("over a volume", (1, 2, 2, 2, 2), (2, 2, 2, 2, 2), dict(stride=2)),
]:
    rank = len(x) - 2
    wide = lambda value: [value] * rank if isinstance(value, int) else list(value)
    convolve = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    groups = options.get("groups", 1)
    case(
        f"transposed convolution, {name}",
        [
            node(
                "ConvTranspose", "x w b", "y",
                strides=wide(options.get("stride", 1)),
                pads=wide(options.get("padding", 0)) * 2,
                dilations=wide(options.get("dilation", 1)),
                output_padding=wide(options.get("output_padding", 0)),
                group=groups,
            )
        ],
        dict(x=rand(*x), w=rand(*w), b=rand(w[1] * groups)),
        lambda x, w, b, convolve=convolve, options=options: convolve(x, w, b, **options),
    )

# Resizing, as torch.nn.functional.interpolate exports it.
for mode, size, to, options in [
    ("nearest", (5, 4), (10, 12), {}),
    ("nearest", (5, 7), (8, 3), {}),
    ("linear", (6,), (9,), dict(align_corners=False)),
    ("bilinear", (5, 4), (10, 9), dict(align_corners=False)),
    ("bilinear", (5, 4), (10, 9), dict(align_corners=True)),
    ("bilinear", (9, 8), (4, 3), dict(align_corners=False, antialias=True)),
    ("bicubic", (5, 4), (9, 6), dict(align_corners=False)),
    ("trilinear", (3, 2, 4), (5, 4, 3), dict(align_corners=True)),
]:
    kind = "cubic" if "cubic" in mode else "linear" if "linear" in mode else mode
    coordinates = "asymmetric" if kind == "nearest" else "align_corners" if options["align_corners"] else "pytorch_half_pixel"
    case(
        f"{mode} resize from {size} to {to}, {options}",
        [
            {
                **node(
                    "Resize", "x", "y",
                    mode=kind, coordinate_transformation_mode=coordinates, nearest_mode="floor", cubic_coeff_a=-0.75,
                    antialias=int(options.get("antialias", False)), exclude_outside=int(options.get("antialias", False)),
                ),
                "inputs": ["x", "", "", "sizes"],
            }
        ],
        dict(x=rand(1, 2, *size), sizes=ints([1, 2, *to])),
        lambda x, sizes, mode=mode, to=to, options=options: F.interpolate(x, size=to, mode=mode, **options),
    )
for mode, theirs in [("reflect", "reflect"), ("edge", "replicate")]:
    case(
        f"padding with the {mode}",
        [node("Pad", "x pads", "y", mode=mode)],
        dict(x=rand(2, 3, 4, 5), pads=ints([0, 0, 2, 1, 0, 0, 0, 3])),
        lambda x, pads, theirs=theirs: F.pad(x, (1, 3, 2, 0), theirs),
    )

# Values on the corners of piecewise functions.
corners = dict(x=torch.tensor([[-1.0, 0.0, 0.5, 6.0, 7.0], [1.0, -0.5, 0.0, 5.0, 6.0]]))
case("relu at 0", [node("Relu", "x", "y")], corners, lambda x: F.relu(x))
case("leaky relu at 0", [node("LeakyRelu", "x", "y", alpha=0.25)], corners, lambda x: F.leaky_relu(x, 0.25))
case("relu6 at its bounds", [node("Clip", "x low high", "y")], dict(corners, low=torch.tensor(0.0), high=torch.tensor(6.0)), lambda x, low, high: F.relu6(x), ["x"])
case("elu at 0", [node("Elu", "x", "y", alpha=0.5)], corners, lambda x: F.elu(x, 0.5))
case("prelu at 0", [node("PRelu", "x slope", "y")], dict(corners, slope=torch.tensor([0.25])), lambda x, slope: F.prelu(x, slope))
case("square at 0", [node("Pow", "x p", "y")], dict(corners, p=torch.tensor(2.0)), lambda x, p: x**2, ["x"])

case("hard swish and beyond", [node("HardSwish", "x", "y")], dict(x=rand(4, 5) * 4), lambda x: F.hardswish(x))
# Not F.hardsigmoid: its 1/6 is rounded to float32 even here.
case("hard sigmoid and beyond", [node("HardSigmoid", "x", "y", alpha=1 / 6, beta=0.5)], dict(x=rand(4, 5) * 4), lambda x: (x / 6 + 0.5).clamp(0, 1))
case(
    "layer norm over two axes",
    [node("LayerNormalization", "x gamma beta", "y", axis=-2, epsilon=1e-5)],
    dict(x=rand(2, 3, 4, 5), gamma=rand(4, 5), beta=rand(4, 5)),
    lambda x, gamma, beta: F.layer_norm(x, (4, 5), gamma, beta, 1e-5),
)

# Ties and corners of what picks or bends.
tied = dict(a=ties(3, 4), b=ties(4))
case("maximum of two, with ties", [node("Max", "a b", "y")], tied, lambda a, b: torch.maximum(a, b))
case("minimum of two, with ties", [node("Min", "a b", "y")], tied, lambda a, b: torch.minimum(a, b))
# torch.maximum twice would give one of three equal values half, and the others a quarter.
case(
    "maximum of three, with ties",
    [node("Max", "a b c", "y")],
    dict(a=ties(3, 4), b=ties(3, 4), c=ties(3, 4)),
    lambda a, b, c: torch.stack([a, b, c]).amax(0),
)
case("amin with ties", [node("ReduceMin", "x axes", "y", keepdims=1)], dict(x=ties(3, 4, 5), axes=ints([1])), lambda x, axes: x.amin(1, True))
case("absolute value at 0", [node("Abs", "x", "y")], corners, lambda x: x.abs())
case("selu at 0", [node("Selu", "x", "y")], corners, lambda x: F.selu(x))
case("celu at 0", [node("Celu", "x", "y", alpha=0.5)], corners, lambda x: F.celu(x, 0.5))
case("softsign at 0", [node("Softsign", "x", "y")], corners, lambda x: F.softsign(x))
case("threshold at itself", [node("ThresholdedRelu", "x", "y", alpha=0.5)], corners, lambda x: F.threshold(x, 0.5, 0.0))
case("prelu with a slope per channel", [node("PRelu", "x slope", "y")], dict(x=rand(2, 3, 4, 5), slope=rand(3, 1, 1)), lambda x, slope: F.prelu(x, slope.flatten()))
case("mish", [node("Mish", "x", "y")], dict(x=rand(4, 5) * 4), lambda x: F.mish(x))
case("remainder of trunc", [node("Mod", "a b", "y", fmod=1)], dict(a=rand(4, 5) * 4, b=torch.rand(5) + 0.5), lambda a, b: torch.fmod(a, b))
case(
    "powers, of 0 too",
    [node("Pow", "x p", "y")],
    dict(x=torch.tensor([[0.0, 0.5, 2.0], [0.0, 3.0, 0.25]]), p=torch.tensor([2.0, 1.5, -0.5])),
    lambda x, p: x**p,
)
for op, function, low, high in [
    ("Tan", torch.tan, -1, 1), ("Asin", torch.asin, -0.9, 0.9), ("Acos", torch.acos, -0.9, 0.9), ("Atan", torch.atan, -3, 3),
    ("Sinh", torch.sinh, -2, 2), ("Cosh", torch.cosh, -2, 2), ("Asinh", torch.asinh, -3, 3), ("Acosh", torch.acosh, 1.2, 4), ("Atanh", torch.atanh, -0.9, 0.9),
    ("Sin", torch.sin, -4, 4), ("Cos", torch.cos, -4, 4), ("Erf", torch.erf, -2, 2), ("Reciprocal", torch.reciprocal, 0.5, 2),
]:
    case(op.lower(), [node(op, "x", "y")], dict(x=torch.rand(3, 4) * (high - low) + low), function)

# Reductions.
few_zeros = torch.tensor([[1.5, 0.0, -2.0], [0.0, 3.0, 0.0], [0.5, -1.0, 2.0]])
case("product with zeros", [node("ReduceProd", "x axes", "y", keepdims=0)], dict(x=few_zeros, axes=ints([1])), lambda x, axes: x.prod(1))
rows = torch.cat([rand(3, 4), torch.zeros(1, 4)])
case("norm of zeros", [node("ReduceL2", "x axes", "y", keepdims=0)], dict(x=rows, axes=ints([1])), lambda x, axes: x.norm(dim=1))
case("sum of sizes, at 0 too", [node("ReduceL1", "x axes", "y", keepdims=1)], dict(x=rows, axes=ints([0])), lambda x, axes: x.abs().sum(0, True))
case("log of a sum of exponentials", [node("ReduceLogSumExp", "x axes", "y", keepdims=0)], dict(x=rand(3, 4, 5) * 8, axes=ints([0, 2])), lambda x, axes: x.logsumexp((0, 2)))
case("log of a sum", [node("ReduceLogSum", "x axes", "y", keepdims=0)], dict(x=torch.rand(3, 4) + 0.1, axes=ints([1])), lambda x, axes: x.sum(1).log())
case("sum of squares", [node("ReduceSumSquare", "x axes", "y", keepdims=0)], dict(x=rand(3, 4), axes=ints([1])), lambda x, axes: (x * x).sum(1))
case("cumulative sum", [node("CumSum", "x axis", "y")], dict(x=rand(3, 4, 2), axis=ints(1)), lambda x, axis: x.cumsum(1))

# Indices.
places = ints([[2, 0, 1], [1, 1, 0]])
case("elements by index, repeated", [node("GatherElements", "x at", "y", axis=0)], dict(x=rand(3, 3), at=places), lambda x, at: x.gather(0, at))
case(
    "elements set by index",
    [node("ScatterElements", "x at u", "y", axis=1)],
    dict(x=rand(2, 4), at=ints([[3, 0], [1, 2]]), u=rand(2, 2)),
    lambda x, at, u: x.scatter(1, at, u),
)
case(
    "elements added by index, repeated",
    [node("ScatterElements", "x at u", "y", axis=0, reduction="add")],
    dict(x=rand(3, 3), at=places, u=rand(2, 3)),
    lambda x, at, u: x.scatter_add(0, at, u),
)
tuples = ints([[0, 1], [2, 0], [0, 1]])
case("parts by index tuples", [node("GatherND", "x at", "y")], dict(x=rand(3, 2, 4), at=tuples), lambda x, at: x[at[:, 0], at[:, 1]])
case(
    "parts set by index tuples",
    [node("ScatterND", "x at u", "y")],
    dict(x=rand(3, 2, 4), at=tuples[:2], u=rand(2, 4)),
    lambda x, at, u: x.index_put((at[:, 0], at[:, 1]), u),
)
case(
    "parts added by index tuples, repeated",
    [node("ScatterND", "x at u", "y", reduction="add")],
    dict(x=rand(3, 2, 4), at=tuples, u=rand(3, 4)),
    lambda x, at, u: x.index_put((at[:, 0], at[:, 1]), u, accumulate=True),
)
case(
    "the three smallest",
    [{**node("TopK", "x k", "y", axis=1, largest=0), "outputs": ["y", "at"]}],
    dict(x=rand(4, 6), k=ints([3])),
    lambda x, k: x.topk(3, 1, largest=False).values,
)

# What moves elements.
case("lower triangle", [node("Trilu", "x k", "y", upper=0)], dict(x=rand(2, 4, 3), k=ints(-1)), lambda x, k: x.tril(-1))
case("tile", [node("Tile", "x repeats", "y")], dict(x=rand(2, 3), repeats=ints([2, 3])), lambda x, repeats: x.repeat(2, 3))
case("pixel shuffle", [node("DepthToSpace", "x", "y", blocksize=2, mode="CRD")], dict(x=rand(2, 8, 3, 2)), lambda x: F.pixel_shuffle(x, 2))

# Losses and embeddings.
case("log softmax over classes", [node("LogSoftmax", "x", "y", axis=1)], dict(x=rand(4, 5, 3) * 8), lambda x: F.log_softmax(x, 1))
case("softmax", [node("Softmax", "x", "y", axis=-1)], dict(x=rand(4, 5) * 8), lambda x: F.softmax(x, -1))
tokens = ints([[1, 4, 4, 0], [4, 2, 1, 1]])
case("embedding with repeated tokens", [node("Gather", "table tokens", "y", axis=0)], dict(table=rand(6, 3), tokens=tokens), lambda table, tokens: F.embedding(tokens, table))
case("columns by index", [node("Gather", "x at", "y", axis=1)], dict(x=rand(2, 5, 3), at=ints([3, 0, 3])), lambda x, at: x[:, at])

# A whole CNN: every kind of parameter at once.
case(
    "cnn",
    [
        node("Conv", "x w1 b1", "c1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 gamma beta mean var", "n1", epsilon=1e-5),
        node("Relu", "n1", "r1"),
        node("MaxPool", "r1", "p1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p1 w2 b2", "c2", strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        node("LeakyRelu", "c2", "r2", alpha=0.125),
        node("Flatten", "r2", "flat", axis=1),
        node("Gemm", "flat w3 b3", "logits", transB=1),
        node("LogSoftmax", "logits", "y", axis=1),
    ],
    dict(
        x=rand(3, 2, 8, 8), w1=rand(4, 2, 3, 3), b1=rand(4), gamma=rand(4), beta=rand(4), mean=rand(4), var=torch.rand(4) + 0.5,
        w2=rand(6, 2, 3, 3), b2=rand(6), w3=rand(5, 24) * 0.3, b3=rand(5),
    ),
    lambda x, w1, b1, gamma, beta, mean, var, w2, b2, w3, b3: F.log_softmax(
        F.linear(
            F.leaky_relu(
                F.conv2d(
                    F.max_pool2d(F.relu(F.batch_norm(F.conv2d(x, w1, b1, padding=1), mean, var, gamma, beta, False, 0.0, 1e-5)), 2),
                    w2, b2, stride=2, padding=1, groups=2,
                ),
                0.125,
            ).flatten(1),
            w3, b3,
        ),
        1,
    ),
    ["x", "w1", "b1", "gamma", "beta", "w2", "b2", "w3", "b3"],
)


# Self-attention with a layer norm written out, a GELU and residuals, as exporters write them; wq is used twice.
def attention(x, wq, wv, gain, shift, scale, eps, axis, two, root, half, one):
    q = x @ wq
    a = torch.softmax(q @ q.transpose(1, 2) / scale, -1) @ (x @ wv) + x
    centred = a - a.mean(-1, keepdim=True)
    normal = centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt() * gain + shift
    return F.gelu(normal) + a


case(
    "attention",
    [
        node("MatMul", "x wq", "q"),
        node("Transpose", "q", "k", perm=[0, 2, 1]),
        node("MatMul", "q k", "qk"),
        node("Div", "qk scale", "scaled"),
        node("Softmax", "scaled", "weights", axis=-1),
        node("MatMul", "x wv", "v"),
        node("MatMul", "weights v", "mixed"),
        node("Add", "mixed x", "a"),
        node("ReduceMean", "a axis", "mean"),
        node("Sub", "a mean", "centred"),
        node("Pow", "centred two", "squares"),
        node("ReduceMean", "squares axis", "variance"),
        node("Add", "variance eps", "shifted"),
        node("Sqrt", "shifted", "deviation"),
        node("Div", "centred deviation", "unit"),
        node("Mul", "unit gain", "gained"),
        node("Add", "gained shift", "normal"),
        node("Div", "normal root", "inner"),
        node("Erf", "inner", "bell"),
        node("Add", "bell one", "bell1"),
        node("Mul", "normal bell1", "double"),
        node("Mul", "double half", "gelu"),
        node("Add", "gelu a", "y"),
    ],
    dict(
        x=rand(2, 5, 4), wq=rand(4, 4), wv=rand(4, 4), gain=rand(4), shift=rand(4), scale=torch.tensor(2.0),
        eps=torch.tensor(1e-5), axis=ints([-1]), two=torch.tensor(2.0), root=torch.tensor(2.0).sqrt(), half=torch.tensor(0.5), one=torch.tensor(1.0),
    ),
    attention,
    ["x", "wq", "wv", "gain", "shift"],
)

TARGET.parent.mkdir(parents=True, exist_ok=True)
TARGET.write_bytes(gzip.compress(json.dumps(cases, separators=(",", ":")).encode(), 9, mtime=0))
print(f"{len(cases)} cases, {TARGET.stat().st_size} bytes")
