"""Goldens for small models that each hold one difficulty: ONNX, two checkpoints, data, and TracInCP by definition.

    python test/golden/synthetic.py [NAME ...]

Writes test/unit/golden/tracin/NAME/. See README.md for the format.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "media" / "export"))

from export_to_tracin import record
from influence import influence, predict

OUT = ROOT / "test" / "unit" / "golden" / "tracin"
TRAIN, QUERIES, CLASSES = 8, 3, 4
RATES = [0.1, 0.05]


def normal(*shape):
    return torch.randn(TRAIN + QUERIES, *shape)


def tokens(vocabulary, length):
    """Token ids with many repeats."""
    return torch.randint(0, vocabulary, (TRAIN + QUERIES, length))


def classes():
    return torch.randint(0, CLASSES, (TRAIN + QUERIES,))


class TiedLinear(nn.Module):
    """One Linear at two sites: the gradients add up before the product."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(6, 6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        return self.out(torch.tanh(self.shared(F.relu(self.shared(x)))))


class TiedEmbedding(nn.Module):
    """The embedding is the output matrix too: a Gather and a MatMul through a Transpose."""

    inputs = staticmethod(lambda: {"ids": tokens(CLASSES, 5)})

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, 6)
        self.mix = nn.Linear(6, 6)

    def forward(self, ids):
        hidden = torch.tanh(self.mix(self.embedding(ids).mean(1)))
        return hidden @ self.embedding.weight.t()


class TransposedWeight(nn.Module):
    """Weights that reach their MatMul through Transpose."""

    inputs = staticmethod(lambda: {"x": normal(5)})

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.randn(7, 5))
        self.b = nn.Parameter(torch.randn(CLASSES, 7))

    def forward(self, x):
        return F.relu(x @ self.a.t()) @ self.b.t()


class SplitWeight(nn.Module):
    """Weights that reach their MatMul through Split, Slice, Concat and Reshape."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.pair = nn.Parameter(torch.randn(12, 6))
        self.bias = nn.Parameter(torch.randn(12))
        self.left = nn.Parameter(torch.randn(2, 6))
        self.right = nn.Parameter(torch.randn(3, 6))
        self.flat = nn.Parameter(torch.randn(20))
        self.wide = nn.Parameter(torch.randn(6, 9))

    def forward(self, x):
        gate_weight, value_weight = self.pair.split([6, 6])
        gate_bias, value_bias = self.bias.chunk(2)
        x = torch.sigmoid(F.linear(x, gate_weight, gate_bias)) * F.linear(x, value_weight, value_bias)
        x = torch.tanh(x @ self.wide[:, 2:8])
        x = torch.tanh(F.linear(x, torch.cat([self.left, self.right])))
        return F.linear(x, self.flat.reshape(CLASSES, 5))


class Broadcast(nn.Module):
    """Parameters in broadcasting Add, Sub, Mul and Div: position embedding, scale, shift, a scalar."""

    inputs = staticmethod(lambda: {"ids": tokens(9, 4)})

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 6)
        self.position = nn.Parameter(torch.randn(4, 6))
        self.mean = nn.Parameter(torch.randn(6))
        self.spread = nn.Parameter(torch.rand(6) + 1)
        self.scale = nn.Parameter(torch.randn(4, 1))
        self.temperature = nn.Parameter(torch.tensor(1.5))
        self.out = nn.Linear(6, CLASSES)

    def randomise(self):
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        nn.init.uniform_(self.spread, 1, 2)
        nn.init.uniform_(self.temperature, 1, 2)

    def forward(self, ids):
        x = self.embedding(ids) + self.position
        x = torch.tanh((x - self.mean) / self.spread) * self.scale
        return self.out(x.mean(1)) / self.temperature


class Conv1d(nn.Module):
    """Stride, padding, dilation and groups on sequences."""

    inputs = staticmethod(lambda: {"x": normal(4, 15)})

    def __init__(self):
        super().__init__()
        self.strided = nn.Conv1d(4, 6, 3, stride=2, padding=1)
        self.dilated = nn.Conv1d(6, 6, 3, dilation=2, padding=2, groups=2)
        self.out = nn.Linear(6 * 8, CLASSES)

    def forward(self, x):
        return self.out(torch.relu(self.dilated(torch.tanh(self.strided(x)))).flatten(1))


class Conv2d(nn.Module):
    """Strides and paddings that differ by axis and leave a rest, dilation, groups, depthwise, pointwise, no bias."""

    inputs = staticmethod(lambda: {"image": normal(2, 11, 10)})

    def __init__(self):
        super().__init__()
        self.strided = nn.Conv2d(2, 4, (3, 2), stride=(2, 3), padding=(0, 1))
        self.dilated = nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6, bias=False)
        self.pointwise = nn.Conv2d(12, 3, 1)
        self.out = nn.Conv2d(3, CLASSES, (5, 4))

    def forward(self, image):
        x = torch.relu(self.strided(image))
        x = torch.tanh(self.dilated(x))
        x = torch.relu(self.pointwise(self.depthwise(x)))
        return self.out(x).flatten(1)


class GroupedFirst(nn.Module):
    """A convolution in groups that reads the image itself."""

    inputs = staticmethod(lambda: {"image": normal(4, 6, 6)})

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(4, 6, 3, groups=2)
        self.out = nn.Linear(6 * 16, CLASSES)

    def forward(self, image):
        return self.out(torch.tanh(self.first(image)).flatten(1))


class TransposedFirst(nn.Module):
    """A transposed convolution that reads the image itself."""

    inputs = staticmethod(lambda: {"image": normal(2, 4, 5)})

    def __init__(self):
        super().__init__()
        self.first = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
        self.out = nn.Linear(3 * 7 * 9, CLASSES)

    def forward(self, image):
        return self.out(torch.tanh(self.first(image)).flatten(1))


class Padded(nn.Module):
    """Pad, asymmetric, before a convolution; Slice, Unsqueeze and Squeeze of activations."""

    inputs = staticmethod(lambda: {"x": normal(6, 7)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, stride=2)
        self.deep = nn.Conv2d(3, 3, 3, padding=1)
        self.out = nn.Linear(3 * 2 * 4, CLASSES)

    def forward(self, x):
        x = F.pad(x.unsqueeze(1), (1, 2, 0, 1))
        x = torch.relu(self.conv(x))
        x = F.pad(torch.tanh(self.deep(x)), (0, 1, 1, 0))
        return self.out(x[:, :, 1:3, 0:4].flatten(1)).unsqueeze(2).squeeze(2)


class BatchNorm(nn.Module):
    """Batch norm in 2d, 1d on features and 1d on sequences, with running statistics that matter."""

    inputs = staticmethod(lambda: {"image": normal(2, 5, 5)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4, eps=1e-3)
        self.sequence = nn.BatchNorm1d(4)
        self.hidden = nn.Linear(36, 6)
        self.dense = nn.BatchNorm1d(6)
        self.plain = nn.BatchNorm1d(6, affine=False)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = torch.relu(self.norm(self.conv(image)))
        x = torch.tanh(self.sequence(x.flatten(2)))
        x = torch.tanh(self.dense(self.hidden(x.flatten(1))))
        return self.out(self.plain(x))


class PoolTies(nn.Module):
    """Overlapping max pools over exact ties: the first maximum in reading order takes the gradient, as in PyTorch."""

    inputs = staticmethod(lambda: {"image": torch.randint(0, 3, (TRAIN + QUERIES, 2, 7, 7)).float()})

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, 7, 7))
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv = nn.Conv2d(2, 4, 1)
        self.second = nn.MaxPool2d((2, 3), stride=1)
        self.out = nn.Linear(4 * 3 * 2, CLASSES)

    def randomise(self):
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        # Powers of two: products are exact, so ties are ties in every precision.
        with torch.no_grad():
            self.scale.copy_(2.0 ** torch.randint(-1, 2, self.scale.shape))

    def forward(self, image):
        x = self.pool(image * self.scale)
        return self.out(self.second(torch.tanh(self.conv(x))).flatten(1))


class PooledConvolutions(nn.Module):
    """Convolutions straight before pools whose windows do not overlap, with ties, and with rows and columns left over."""

    def inputs(self):
        image = torch.randint(0, 2, (TRAIN + QUERIES, 2, 9, 12)).float()
        # All elements of a window are its maximum where an image is flat.
        image[:, :, :4] = 0
        return {"image": image}

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 5, (2, 3))
        self.out = nn.Linear(5 * 3 * 1, CLASSES)

    def forward(self, image):
        x = F.max_pool2d(torch.relu(self.first(image)), 2)
        return self.out(F.max_pool2d(torch.relu(self.second(x)), (1, 3)).flatten(1))


class TwoPooledInputs(nn.Module):
    """Two images through one convolution straight before a pool: one weight whose positions lie in two places."""

    inputs = staticmethod(lambda: {"left": normal(2, 7, 6), "right": normal(2, 7, 6)})

    def __init__(self):
        super().__init__()
        self.tower = nn.Conv2d(2, 4, 3)
        self.out = nn.Linear(4 * 2 * 2, CLASSES)

    def forward(self, left, right):
        left, right = (F.max_pool2d(torch.relu(self.tower(x)), 2).flatten(1) for x in (left, right))
        return self.out((left - right).abs())


class Pools(nn.Module):
    """Average pools (padding counted and not), dilated and one-dimensional max pools, global average and global max."""

    inputs = staticmethod(lambda: {"image": normal(2, 9, 9)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, padding=1)
        self.counted = nn.AvgPool2d(3, stride=2, padding=1)
        self.uncounted = nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False)
        self.ceiled = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.deep = nn.Conv2d(6, 5, 3, padding=1)
        self.line = nn.MaxPool1d(3, stride=1)
        self.out = nn.Linear(5 * 3, CLASSES)

    def forward(self, image):
        x = self.uncounted(self.counted(torch.tanh(self.conv(image))))
        x = self.deep(self.ceiled(x))
        average = F.adaptive_avg_pool2d(x, 1).flatten(1)
        largest = F.adaptive_max_pool2d(x, 1).flatten(1)
        line = self.line(x.flatten(2)).mean(2)
        return self.out(torch.cat([average, largest, line], 1))


class Embedding(nn.Module):
    """Repeated tokens, two tables, and a table that is read along a second path."""

    inputs = staticmethod(lambda: {"ids": tokens(6, 7), "kind": torch.randint(0, 3, (TRAIN + QUERIES, 1))})

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(6, 5)
        self.kind = nn.Embedding(3, 5)
        self.out = nn.Linear(10, CLASSES)

    def forward(self, ids, kind):
        x = torch.tanh(self.word(ids) + self.kind(kind))
        return self.out(torch.cat([x.sum(1), self.word(ids[:, 2])], 1))


class MaskedMean(nn.Module):
    """Token ids and a mask, as text models have them: Cast, Clip, Div, and padding without a gradient."""

    @staticmethod
    def inputs():
        lengths = torch.randint(1, 7, (TRAIN + QUERIES, 1))
        mask = (torch.arange(6) < lengths).long()
        return {"input_ids": tokens(8, 6) * mask, "attention_mask": mask}

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(8, 5)
        self.hidden = nn.Linear(5, 6)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.unsqueeze(-1).to(self.embedding.weight.dtype)
        x = (self.embedding(input_ids) * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        return self.out(self.drop(torch.relu(self.hidden(x))))


class Positions(nn.Module):
    """Linear layers over positions, [batch, positions, features], with and without bias."""

    inputs = staticmethod(lambda: {"x": normal(6, 5)})

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(5, 8)
        self.plain = nn.Linear(8, 8, bias=False)
        self.out = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = torch.tanh(self.plain(torch.relu(self.hidden(x))))
        return self.out(x).mean(1)


class Attention(nn.Module):
    """Self-attention: MatMul of two activations, Softmax, Transpose, a residual."""

    inputs = staticmethod(lambda: {"ids": tokens(7, 5)})

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.out = nn.Linear(8, CLASSES)

    def forward(self, ids):
        x = self.embedding(ids)

        def heads(tensor):
            return tensor.reshape(-1, 5, 2, 4).transpose(1, 2)

        weights = (heads(self.query(x)) @ heads(self.key(x)).transpose(2, 3) / 2).softmax(-1)
        mixed = (weights @ heads(self.value(x))).transpose(1, 2).reshape(-1, 5, 8)
        return self.out((x + mixed).mean(1))


class Activations(nn.Module):
    """LeakyRelu, Softplus, Tanh, Sigmoid, Clip, ReLU6."""

    inputs = staticmethod(lambda: {"x": normal(5)})

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5, 5) for _ in range(6)])
        self.out = nn.Linear(5, CLASSES)

    def forward(self, x):
        x = F.leaky_relu(self.layers[0](x), 0.2)
        x = F.softplus(self.layers[1](x))
        x = torch.tanh(self.layers[2](x))
        x = torch.sigmoid(self.layers[3](x))
        x = torch.clamp(self.layers[4](x), -0.5, 0.8)
        return self.out(F.relu6(self.layers[5](x)))


class Perceptron(nn.Module):
    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self, outputs=3):
        super().__init__()
        self.hidden = nn.Linear(6, 7)
        self.out = nn.Linear(7, outputs)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class Confident(nn.Module):
    """Queries of which the model is all but certain: p - 1 must not be computed by subtraction in float32."""

    inputs = staticmethod(lambda: {"x": torch.eye(CLASSES)[torch.arange(TRAIN + QUERIES) % CLASSES] + 0.1 * normal(CLASSES)})
    fixed_targets = staticmethod(lambda: torch.arange(TRAIN + QUERIES) % CLASSES)

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(CLASSES, CLASSES)
        self.out = nn.Linear(CLASSES, CLASSES)

    def randomise(self):
        with torch.no_grad():
            for layer in (self.hidden, self.out):
                layer.weight.copy_(3.5 * torch.eye(CLASSES) + 0.2 * torch.randn(CLASSES, CLASSES))
                nn.init.normal_(layer.bias, std=0.2)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))


class Residual(nn.Module):
    """Two inputs, a residual Add, a Concat, a value used three times."""

    inputs = staticmethod(lambda: {"a": normal(4), "b": normal(3)})

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(4, 6)
        self.block = nn.Linear(6, 6)
        self.other = nn.Linear(3, 6)
        self.out = nn.Linear(18, CLASSES)

    def forward(self, a, b):
        x = torch.relu(self.enter(a))
        y = x + torch.tanh(self.block(x))
        return self.out(torch.cat([y, x * y, torch.sigmoid(self.other(b))], 1))


class LogSoftmax(nn.Module):
    """Ends in LogSoftmax, as models trained with NLLLoss do; the cross-entropy of log-probabilities is the NLL."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 7)
        self.out = nn.Linear(7, CLASSES)

    def forward(self, x):
        return F.log_softmax(self.out(torch.relu(self.hidden(x))), dim=1)


class Merged(nn.Module):
    """Exported fresh: equal biases, gammas and betas are merged into one initializer with Identity aliases."""

    inputs = staticmethod(lambda: {"image": normal(2, 4, 4)})
    fresh = True

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(4)
        self.out = nn.Linear(64, CLASSES)
        for layer in (self.conv1, self.conv2, self.out):
            nn.init.zeros_(layer.bias)

    def forward(self, image):
        x = torch.relu(self.norm1(self.conv1(image)))
        x = x + torch.relu(self.norm2(self.conv2(x)))
        return self.out(x.flatten(1))


class PositionIds(nn.Module):
    """A position table read by arange: a Gather of a weight by a Range that only the length decides."""

    inputs = staticmethod(lambda: {"ids": tokens(9, 5)})

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(9, 6)
        self.position = nn.Embedding(8, 6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, ids):
        return self.out(torch.tanh(self.word(ids) + self.position(torch.arange(ids.shape[1]))).mean(1))


class ClassToken(nn.Module):
    """Learned tokens for every example, by expand and by repeat, before positions; learned queries of an attention."""

    inputs = staticmethod(lambda: {"x": normal(3, 6)})

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(1, 1, 6))
        self.last = nn.Parameter(torch.randn(1, 1, 6))
        self.position = nn.Parameter(torch.randn(1, 5, 6))
        self.asked = nn.Parameter(torch.randn(2, 6))
        self.out = nn.Linear(12, CLASSES)

    def forward(self, x):
        batch = x.shape[0]
        x = torch.cat([self.first.expand(batch, -1, -1), x, self.last.repeat(batch, 1, 1)], 1) + self.position
        asked = self.asked.unsqueeze(0).expand(batch, -1, -1)
        return self.out(((asked @ x.transpose(1, 2)).softmax(-1) @ torch.tanh(x)).flatten(1))


class RepeatedTable(nn.Module):
    """A table of relative positions that is normalised, projected and repeated for the heads of each example, as in DeBERTa."""

    inputs = staticmethod(lambda: {"x": normal(3, 6)})

    def __init__(self):
        super().__init__()
        self.places = nn.Embedding(5, 6)
        self.norm = nn.LayerNorm(6)
        self.query, self.key = nn.Linear(6, 6), nn.Linear(6, 6)
        self.scale = nn.Parameter(torch.randn(2, 3, 5))
        self.out = nn.Linear(6, CLASSES)

    @staticmethod
    def heads(x):
        """Two heads: [examples, positions, 6] -> [examples * heads, positions, 3]"""
        return x.view(x.shape[0], x.shape[1], 2, 3).transpose(1, 2).reshape(-1, x.shape[1], 3)

    def forward(self, x):
        batch = x.shape[0]
        places = self.norm(self.places.weight).unsqueeze(0)
        key = self.heads(self.key(places)).repeat(batch, 1, 1)
        scores = self.heads(self.query(x)) @ key.transpose(1, 2) + self.scale.repeat(batch, 1, 1)
        seen = scores.softmax(-1) @ self.heads(places).repeat(batch, 1, 1)
        return self.out(seen.view(batch, 2, 3, 3).transpose(1, 2).reshape(batch, 3, 6).mean(1))


class VectorWeight(nn.Module):
    """Products with a vector: attention pooling, a product from the left, one output without a last axis."""

    inputs = staticmethod(lambda: {"x": normal(3, 6)})

    def __init__(self):
        super().__init__()
        self.asked = nn.Parameter(torch.randn(6))
        self.rows = nn.Parameter(torch.randn(3))
        self.gate = nn.Parameter(torch.randn(6))
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        pooled = ((x @ self.asked).softmax(1).unsqueeze(2) * x).sum(1) + torch.tanh(self.rows @ x)
        return self.out(pooled) * torch.sigmoid(pooled @ self.gate).unsqueeze(1)


class PositionsFirst(nn.Module):
    """Positions and batch as one axis, positions outside, as nn.MultiheadAttention has them: every kind of site on it."""

    inputs = staticmethod(lambda: {"x": normal(3, 6), "ids": tokens(5, 3)})

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 8)
        self.word = nn.Embedding(5, 8)
        self.scale = nn.Parameter(torch.randn(8))
        self.conv = nn.Conv1d(2, 3, 2, groups=1)
        self.grouped = nn.Conv1d(4, 4, 2, groups=2)
        self.out = nn.Linear(9 + 4, CLASSES)

    def forward(self, x, ids):
        x = x.transpose(0, 1).reshape(-1, 6)
        ids = ids.t().reshape(-1)
        x = torch.tanh(self.hidden(x) + self.word(ids)) * self.scale
        a = torch.tanh(self.conv(x.view(-1, 2, 4))).view(-1, 9)
        b = torch.tanh(self.grouped(x.view(-1, 4, 2))).view(-1, 4)
        return self.out(torch.cat([a, b], 1).view(3, -1, 13).mean(0))


class PaddingRow(nn.Module):
    """An embedding whose padding row takes part in the mean, but has no gradient; and a persistent buffer."""

    inputs = staticmethod(lambda: {"ids": tokens(5, 6)})
    recorded = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4, padding_idx=1)
        self.register_buffer("pe", torch.randn(6, 4))
        self.out = nn.Linear(4, CLASSES)

    def forward(self, ids):
        return self.out(torch.tanh(self.embedding(ids) + self.pe).mean(1))


class PaddingRowTwice(nn.Module):
    """Such a table that is looked up twice, with positions in front once: the sites are merged."""

    inputs = staticmethod(lambda: {"ids": tokens(5, 6), "more": tokens(5, 3)})
    recorded = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4, padding_idx=0)
        self.out = nn.Linear(8, CLASSES)

    def forward(self, ids, more):
        a = torch.tanh(self.embedding(ids)).mean(1)
        b = torch.sigmoid(self.embedding(more.t())).mean(0)
        return self.out(torch.cat([a, b], 1))


class PaddingRowTied(nn.Module):
    """Tied to the output layer: there, the padding row has a gradient like any other."""

    inputs = staticmethod(lambda: {"ids": tokens(CLASSES, 5)})
    recorded = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, 6, padding_idx=-1)
        self.mix = nn.Linear(6, 6)
        self.out = nn.Linear(6, CLASSES, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, ids):
        return self.out(torch.tanh(self.mix(self.embedding(ids).mean(1))))


class Probabilities(nn.Module):
    """Exported with its sigmoid and an axis dropped after it, trained on the logits."""

    inputs = staticmethod(lambda: {"x": normal(6)})
    exported = False

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 7)
        self.out = nn.Linear(7, 3)

    def forward(self, x):
        x = self.out(torch.tanh(self.hidden(x)))[:, 1:2]
        return x.sigmoid().squeeze(1) if self.exported else x


class ClassProbabilities(nn.Module):
    """Exported with a softmax over the classes of a 1x1 map, trained on the logits."""

    inputs = staticmethod(lambda: {"x": normal(2, 3, 3)})
    exported = False

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 5, 2)
        self.out = nn.Conv2d(5, CLASSES, 2)

    def forward(self, x):
        x = self.out(torch.tanh(self.conv(x)))
        return (x.softmax(1) if self.exported else x).flatten(1)


class Slopes(nn.Module):
    """PReLU with one slope and with one per channel, on maps, sequences and vectors."""

    inputs = staticmethod(lambda: {"image": normal(2, 5, 5)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.one = nn.PReLU()
        self.many = nn.PReLU(4)
        self.hidden = nn.Linear(9, 6)
        self.last = nn.PReLU(6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = self.many(self.one(self.conv(image)))
        return self.out(self.last(self.hidden(x.flatten(2)).mean(1)))


class ParameterOperands(nn.Module):
    """Parameters in Where, Pow, Max, Min, Div (both sides), as updates of places, and in a comparison, which has no gradient."""

    inputs = staticmethod(lambda: {"x": normal(4, 6)})

    def __init__(self):
        super().__init__()
        self.filler = nn.Parameter(torch.randn(6))
        self.power = nn.Parameter(torch.rand(4, 1) + 0.5)
        self.floor = nn.Parameter(torch.randn(6))
        self.ceiling = nn.Parameter(torch.randn(()))
        self.numerator = nn.Parameter(torch.randn(4, 6))
        self.first = nn.Parameter(torch.randn(6))
        self.threshold = nn.Parameter(torch.zeros(6))
        self.out = nn.Linear(6, CLASSES)

    def randomise(self):
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        nn.init.uniform_(self.power, 0.5, 2)
        nn.init.uniform_(self.ceiling, 0.5, 1)

    def forward(self, x):
        x = torch.where(x > 1, self.filler, x)
        x = (x.abs() + 0.1) ** self.power - 1
        x = torch.minimum(torch.maximum(x, self.floor), self.ceiling)
        x = self.numerator / (x * x + 1)
        x = x + (x > self.threshold).to(x.dtype)
        x = torch.cat([self.first.expand(x.shape[0], 1, -1), x], 1)
        return self.out(torch.tanh(x).mean(1))


class WeightNorm(nn.Module):
    """Weight normalisation, g v / |v|, of a linear layer and of a convolution; spectral normalisation."""

    inputs = staticmethod(lambda: {"x": normal(3, 8)})

    def __init__(self):
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 4, 3))
        self.hidden = nn.utils.parametrizations.weight_norm(nn.Linear(24, 6))
        self.spectral = nn.utils.spectral_norm(nn.Linear(6, 5))
        self.out = nn.Linear(5, CLASSES)

    def forward(self, x):
        x = torch.tanh(self.conv(x)).flatten(1)
        return self.out(torch.tanh(self.spectral(torch.tanh(self.hidden(x)))))


class WeightStandardisation(nn.Module):
    """Standardised convolution weights, an equalised linear layer, a pruned one, one with a low-rank update, one that is shared."""

    inputs = staticmethod(lambda: {"image": normal(2, 6, 6)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2)
        self.gain = nn.Parameter(torch.ones(4, 1, 1, 1))
        self.equal = nn.Linear(16, 6)
        self.pruned = nn.Linear(6, 6)
        self.register_buffer("mask", torch.randint(0, 2, (6, 6)).float())
        self.low = nn.Linear(6, 5)
        self.down = nn.Parameter(torch.randn(2, 6))
        self.up = nn.Parameter(torch.randn(5, 2))
        self.out = nn.Linear(5, CLASSES)

    def forward(self, image):
        weight = self.conv.weight
        weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / (weight.std((1, 2, 3), keepdim=True, unbiased=False) + 1e-5)
        x = torch.relu(F.conv2d(image, weight * self.gain, self.conv.bias, stride=2))
        x = torch.tanh(F.linear(x.flatten(1), self.equal.weight * 0.25, self.equal.bias))
        x = torch.tanh(F.linear(x, self.pruned.weight * self.mask, self.pruned.bias))
        x = x + 0.5 * torch.tanh(F.linear(x, self.pruned.weight))
        x = torch.tanh(F.linear(x, self.low.weight + 2 * (self.up @ self.down), self.low.bias))
        return self.out(x)


class ParameterArithmetic(nn.Module):
    """A learned temperature exp(t), generalised-mean pooling, a softmax over layers, ordered cut points, a bounded table."""

    inputs = staticmethod(lambda: {"ids": tokens(7, 5)})

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(7, 6)
        self.mix = nn.Parameter(torch.randn(3))
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(2)])
        self.power = nn.Parameter(torch.tensor(2.0))
        self.steps = nn.Parameter(torch.randn(6))
        self.temperature = nn.Parameter(torch.tensor(0.1))
        self.out = nn.Linear(6, CLASSES, bias=False)

    def randomise(self):
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.7)
        nn.init.uniform_(self.power, 1.5, 3)

    def forward(self, ids):
        states = [F.embedding(ids, torch.tanh(self.word.weight))]
        for layer in self.layers:
            states.append(torch.tanh(layer(states[-1])))
        weights = self.mix.softmax(0)
        x = sum(weight * state for weight, state in zip(weights, states))
        x = (x * x + 0.1).pow(self.power).mean(1).pow(1 / self.power)
        x = torch.tanh(x - torch.cumsum(F.softplus(self.steps), 0))
        x = F.linear(F.normalize(x, dim=1), F.normalize(self.out.weight, dim=1))
        return x * self.temperature.exp()


class Lookups(nn.Module):
    """Tables of other ranks, along other axes, by pairs of indices; a position table that is resized."""

    inputs = staticmethod(lambda: {"ids": tokens(5, 4), "row": torch.randint(0, 3, (TRAIN + QUERIES, 2))})

    def __init__(self):
        super().__init__()
        self.columns = nn.Parameter(torch.randn(6, 5))
        self.scalars = nn.Parameter(torch.randn(5))
        self.cubes = nn.Parameter(torch.randn(5, 2, 3))
        self.pairs = nn.Parameter(torch.randn(3, 5, 6))
        self.position = nn.Parameter(torch.randn(1, 6, 3))
        self.out = nn.Linear(6, CLASSES)

    def forward(self, ids, row):
        x = self.columns[:, ids].permute(1, 2, 0) + self.scalars[ids].unsqueeze(-1)
        x = x * torch.sigmoid(self.cubes[ids]).flatten(2) + self.pairs[row.repeat(1, 2), ids]
        x = x + F.interpolate(self.position, size=4, mode="linear").transpose(1, 2)
        return self.out(torch.tanh(x).mean(1))


SOFTMAX = ("softmax-cross-entropy", "sum")
MODELS = {
    "tied-linear": (TiedLinear, SOFTMAX),
    "tied-embedding": (TiedEmbedding, SOFTMAX),
    "transposed-weight": (TransposedWeight, SOFTMAX),
    "split-weight": (SplitWeight, SOFTMAX),
    "broadcast": (Broadcast, SOFTMAX),
    "conv1d": (Conv1d, SOFTMAX),
    "conv2d": (Conv2d, SOFTMAX),
    "padded": (Padded, SOFTMAX),
    "batch-norm": (BatchNorm, SOFTMAX),
    "pool-ties": (PoolTies, SOFTMAX),
    "pools": (Pools, SOFTMAX),
    "embedding": (Embedding, SOFTMAX),
    "masked-mean": (MaskedMean, SOFTMAX),
    "positions": (Positions, SOFTMAX),
    "attention": (Attention, SOFTMAX),
    "activations": (Activations, SOFTMAX),
    "residual": (Residual, SOFTMAX),
    "log-softmax": (LogSoftmax, SOFTMAX),
    "merged": (Merged, SOFTMAX),
    "confident": (Confident, SOFTMAX),
    "multi-label-sum": (Perceptron, ("sigmoid-cross-entropy", "sum")),
    "multi-label-mean": (Perceptron, ("sigmoid-cross-entropy", "mean")),
    "mse-sum": (Perceptron, ("mse", "sum")),
    "mse-mean": (Perceptron, ("mse", "mean")),
    "mse-one-output": (lambda: Perceptron(1), ("mse", "sum")),
    "position-ids": (PositionIds, SOFTMAX),
    "class-token": (ClassToken, SOFTMAX),
    "vector-weight": (VectorWeight, SOFTMAX),
    "positions-first": (PositionsFirst, SOFTMAX),
    "probabilities": (Probabilities, ("sigmoid-cross-entropy", "sum")),
    "class-probabilities": (ClassProbabilities, SOFTMAX),
    "padding-row": (PaddingRow, SOFTMAX),
    "padding-row-twice": (PaddingRowTwice, SOFTMAX),
    "padding-row-tied": (PaddingRowTied, SOFTMAX),
    "slopes": (Slopes, SOFTMAX),
    "parameter-operands": (ParameterOperands, SOFTMAX),
    "weight-norm": (WeightNorm, SOFTMAX),
    "weight-standardisation": (WeightStandardisation, SOFTMAX),
    "parameter-arithmetic": (ParameterArithmetic, SOFTMAX),
    "lookups": (Lookups, SOFTMAX),
    "repeated-table": (RepeatedTable, SOFTMAX),
    "pooled-convolutions": (PooledConvolutions, SOFTMAX),
    "two-pooled-inputs": (TwoPooledInputs, SOFTMAX),
    "grouped-first": (GroupedFirst, SOFTMAX),
    "transposed-first": (TransposedFirst, SOFTMAX),
}


def randomise(model):
    """New weights and new running statistics, none of them equal by chance."""
    if hasattr(model, "randomise"):
        model.randomise()
        return
    for parameter in model.parameters():
        width = parameter[0].numel() if parameter.dim() > 1 else 4
        nn.init.normal_(parameter, std=width**-0.5)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
            module.num_batches_tracked += 17


def targets_for(kind, outputs):
    if kind == "softmax-cross-entropy":
        return classes()
    if kind == "sigmoid-cross-entropy":
        return torch.randint(0, 2, (TRAIN + QUERIES, outputs)).float()
    return normal(outputs)


def export(model, inputs, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            tuple(tensor[:2] for tensor in inputs.values()),
            str(path),
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=17,
            input_names=list(inputs),
            output_names=["output"],
            dynamic_axes={name: {0: "batch"} for name in [*inputs, "output"]},
        )


def use_global_max_pool(path):
    """PyTorch writes a MaxPool over the whole map; other exporters write GlobalMaxPool."""
    exported = onnx.load(path)
    (node,) = [
        node
        for node in exported.graph.node
        if node.op_type == "MaxPool" and any(a.name == "kernel_shape" and list(a.ints) == [3, 3] for a in node.attribute)
    ]
    node.op_type = "GlobalMaxPool"
    del node.attribute[:]
    onnx.checker.check_model(exported)
    onnx.save(exported, path)


def make(name, number):
    torch.manual_seed(100 + number)
    build, (kind, reduction) = MODELS[name]
    model = build().eval()
    if not getattr(model, "fresh", False):
        randomise(model)
    inputs = model.inputs()
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    model.exported = True
    export(model, inputs, folder / "model.onnx")
    if getattr(model, "recorded", False):
        record(folder / "model.onnx", model)
    if name == "pools":
        use_global_max_pool(folder / "model.onnx")

    with torch.no_grad():
        output = model(*inputs.values())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {key: tensor.numpy() for key, tensor in inputs.items()})
    difference = np.abs(found - output.numpy()).max()
    assert difference < 1e-5 * max(1, np.abs(found).max()), (name, difference)

    model.exported = False
    with torch.no_grad():
        output = model(*inputs.values())

    fixed = getattr(model, "fixed_targets", None)
    targets = fixed() if fixed else targets_for(kind, output.shape[1])
    states = []
    for index in range(len(RATES)):
        randomise(model)
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        save_file(states[-1], folder / f"checkpoint-{index + 1}.safetensors", metadata={"step": str(100 * (index + 1))})

    def part(start, end):
        return [tensor[start:end] for tensor in inputs.values()], targets[start:end]

    train, queries = part(0, TRAIN), part(TRAIN, TRAIN + QUERIES)
    expected = influence(model, states, RATES, train, queries, kind, reduction)
    data = {"train.target": train[1], "query.target": queries[1]}
    for key, tensor in inputs.items():
        data |= {f"train.{key}": tensor[:TRAIN].contiguous(), f"query.{key}": tensor[TRAIN:].contiguous()}
    save_file({key: value.contiguous() for key, value in data.items()}, folder / "inputs.safetensors")
    save_file(expected, folder / "expected.safetensors")
    (folder / "golden.json").write_text(
        json.dumps(
            {
                "model": "model.onnx",
                "checkpoints": [f"checkpoint-{index + 1}.safetensors" for index in range(len(RATES))],
                "learningRates": RATES,
                "loss": {"type": kind, "reduction": reduction},
                "inputs": list(inputs),
                "parameters": [key for key, _ in model.named_parameters()],
                "buffers": [key for key, value in model.named_buffers() if value.is_floating_point()],
            },
            indent=1,
        )
        + "\n"
    )
    graph = onnx.load(folder / "model.onnx").graph
    weak = [key for key in expected if key.startswith("self/") and expected[key].max() < 1e-9]
    print(f"{name:18} {' '.join(sorted({node.op_type for node in graph.node}))}")
    print(f"{'':18} losses of the queries {expected['queryLosses'].min():.2g} to {expected['queryLosses'].max():.2g}", weak or "")


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or list(MODELS)
    for number, name in enumerate(MODELS):
        if name in chosen:
            make(name, number)
