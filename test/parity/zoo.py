"""Small PyTorch models, each built as people build them, none of them made for this project's way of computing.

`MODELS` has for each name the class of the model, or a function that makes one. A model says with `inputs` what it takes; `loss` is that of tracin.json
(softmax cross-entropy of one label for each example unless told) and `targets` makes what it is compared with.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

EXAMPLES, CLASSES = 9, 4


def normal(*shape):
    return torch.randn(EXAMPLES, *shape)


def ids(vocabulary, length):
    return torch.randint(1, vocabulary, (EXAMPLES, length))


def image(channels=3, size=8):
    return staticmethod(lambda: {"image": normal(channels, size, size)})


def sequence(length=6, width=5):
    return staticmethod(lambda: {"x": normal(length, width)})


def tokens(length=6, vocabulary=11):
    return staticmethod(lambda: {"ids": ids(vocabulary, length)})


def positions(*shape, classes=CLASSES, ignore=-100):
    """A class at each position; about one in five does not count."""

    def make():
        target = torch.randint(0, classes, (EXAMPLES, *shape))
        target[torch.rand(target.shape) < 0.2] = ignore
        return target

    return staticmethod(make)


def conv(inner, outer, kernel=3, **options):
    return nn.Sequential(nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=False, **options), nn.BatchNorm2d(outer))


class BasicBlock(nn.Module):
    def __init__(self, inner, outer, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.downsample = None
        if stride != 1 or inner != outer:
            self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """torchvision's ResNet-18 with few channels."""

    inputs = image(3, 32)
    width = 4

    def __init__(self):
        super().__init__()
        w = self.width
        self.conv1 = nn.Conv2d(3, w, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(w, w), BasicBlock(w, w))
        self.layer2 = nn.Sequential(BasicBlock(w, 2 * w, 2), BasicBlock(2 * w, 2 * w))
        self.layer3 = nn.Sequential(BasicBlock(2 * w, 4 * w, 2), BasicBlock(4 * w, 4 * w))
        self.layer4 = nn.Sequential(BasicBlock(4 * w, 8 * w, 2), BasicBlock(8 * w, 8 * w))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * w, CLASSES)

    def forward(self, image):
        x = self.maxpool(F.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class SqueezeExcite(nn.Module):
    inputs = image()

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8)
        self.reduce = nn.Conv2d(8, 2, 1)
        self.expand = nn.Conv2d(2, 8, 1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, image):
        x = F.silu(self.stem(image))
        gate = self.expand(F.silu(self.reduce(x.mean((2, 3), keepdim=True))))
        return self.head((x * torch.sigmoid(gate)).mean((2, 3)))


class MobileBlock(nn.Module):
    """Inverted bottleneck: 1x1, depthwise, 1x1, ReLU6 and hard-swish."""

    inputs = image()

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 4, stride=2)
        self.block = nn.Sequential(conv(4, 8, 1), nn.ReLU6(), conv(8, 8, groups=8), nn.Hardswish(), conv(8, 4, 1))
        self.head = nn.Linear(4, CLASSES)

    def forward(self, image):
        x = F.relu6(self.stem(image))
        return self.head(F.adaptive_avg_pool2d(x + self.block(x), 1).flatten(1))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """Patches, depthwise 7x7, LayerNorm over channels, GELU, layer scale."""

    inputs = image()

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 2, 2), LayerNorm2d(6))
        self.depthwise = nn.Conv2d(6, 6, 7, padding=3, groups=6)
        self.norm = nn.LayerNorm(6)
        self.up, self.down = nn.Linear(6, 12), nn.Linear(12, 6)
        self.gamma = nn.Parameter(torch.ones(6))
        self.head = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, CLASSES))

    def forward(self, image):
        x = self.stem(image)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        return self.head((x + y.permute(0, 3, 1, 2)).mean((-2, -1)))


class ViT(nn.Module):
    """Patches, class token, learnt positions, pre-norm encoder of torch.nn."""

    inputs = image()

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.position = nn.Parameter(torch.zeros(1, 5, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.norm(self.encoder(x))[:, 0])


class Mixer(nn.Module):
    inputs = image()

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 4, 4)
        self.norm1, self.norm2 = nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.channels = nn.Sequential(nn.Linear(6, 8), nn.GELU("tanh"), nn.Linear(8, 6))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(x.mean(1))


class UNet(nn.Module):
    """Encoder and decoder with skips, transposed convolutions; a class for each pixel, some unlabelled."""

    inputs = image()
    targets = positions(8, 8, classes=3, ignore=255)
    loss = {"type": "softmax-cross-entropy", "reduction": "mean", "ignoreIndex": 255}

    def __init__(self):
        super().__init__()
        self.down1 = nn.Sequential(conv(3, 4), nn.ReLU())
        self.down2 = nn.Sequential(nn.MaxPool2d(2), conv(4, 8), nn.ReLU())
        self.middle = nn.Sequential(nn.MaxPool2d(2), conv(8, 8), nn.ReLU())
        self.up2 = nn.ConvTranspose2d(8, 8, 2, 2)
        self.mix2 = nn.Sequential(conv(16, 4), nn.ReLU())
        self.up1 = nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1)
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image):
        a = self.down1(image)
        b = self.down2(a)
        x = self.mix2(torch.cat([self.up2(self.middle(b)), b], 1))
        return self.head(torch.cat([self.up1(x), a], 1))


class SegmentationResize(nn.Module):
    """Dilated context, bilinear resize to the input's size."""

    inputs = image()
    targets = positions(8, 8, classes=3)
    loss = {"type": "softmax-cross-entropy"}

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.context = nn.Conv2d(6, 6, 3, padding=2, dilation=2)
        self.head = nn.Conv2d(12, 3, 1)

    def forward(self, image):
        x = F.relu(self.stem(image))
        pooled = F.interpolate(F.adaptive_avg_pool2d(x, 1), size=x.shape[2:], mode="nearest")
        x = torch.cat([F.elu(self.context(x)), pooled], 1)
        return F.interpolate(self.head(x), size=image.shape[2:], mode="bilinear", align_corners=False)


class UpsampleNet(nn.Module):
    """nn.Upsample in three modes."""

    inputs = image(2, 6)
    targets = positions(12, 12, classes=3)
    loss = {"type": "softmax-cross-entropy"}

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(2, 3, 3, padding=1) for _ in range(3))

    def forward(self, image):
        x = F.interpolate(self.a(image), scale_factor=2, mode="nearest")
        y = F.interpolate(self.b(image), scale_factor=2, mode="bilinear", align_corners=True)
        return x * y + F.interpolate(self.c(image), scale_factor=2, mode="bicubic", align_corners=False)


class Inception(nn.Module):
    inputs = image()

    def __init__(self):
        super().__init__()
        self.one = conv(3, 3, 1)
        self.three = nn.Sequential(conv(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, (1, 3), padding=(0, 1)), nn.Conv2d(3, 3, (3, 1), padding=(1, 0)))
        self.five = nn.Sequential(conv(3, 2, 1), nn.ReLU(), conv(2, 3, 5))
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(3, 3, 1))
        self.head = nn.Linear(12, CLASSES)

    def forward(self, image):
        x = torch.cat([branch(image) for branch in (self.one, self.three, self.five, self.pool)], 1)
        return self.head(F.max_pool2d(F.relu(x), 8).flatten(1))


class DenseNet(nn.Module):
    inputs = image()

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, 4, 3, padding=1, bias=False)) for n in (3, 7, 11)
        )
        self.transition = nn.Sequential(nn.BatchNorm2d(15), nn.ReLU(), nn.Conv2d(15, 6, 1), nn.AvgPool2d(2))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, image):
        parts = [image]
        for layer in self.layers:
            parts.append(layer(torch.cat(parts, 1)))
        return self.head(self.transition(torch.cat(parts, 1)).amax((2, 3)))


class GroupNormNet(nn.Module):
    """Group and instance normalisation, with and without parameters."""

    inputs = image()

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Conv2d(6, 6, 1)
        self.group = nn.GroupNorm(3, 6)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.plain = nn.InstanceNorm2d(6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = F.leaky_relu(self.group(self.a(image)), 0.1)
        x = F.selu(self.instance(self.b(x)))
        return self.head(torch.tanh(self.plain(self.c(x)) + x).mean((2, 3)))


class WeightNormNet(nn.Module):
    """Parametrised weights: weight norm and spectral norm."""

    inputs = image(3, 6)

    def __init__(self):
        super().__init__()
        self.conv = parametrizations.weight_norm(nn.Conv2d(3, 5, 3))
        self.hidden = parametrizations.spectral_norm(nn.Linear(5 * 16, 6))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = torch.tanh(self.conv(image)).flatten(1)
        return self.head(torch.tanh(self.hidden(x)))


class PixelShuffleNet(nn.Module):
    """Sub-pixel upscaling with PReLU; L1 loss on the image."""

    inputs = image(1, 5)
    targets = staticmethod(lambda: normal(1, 10, 10))
    loss = {"type": "mae", "reduction": "mean"}

    def __init__(self):
        super().__init__()
        self.a, self.act = nn.Conv2d(1, 6, 3, padding=1), nn.PReLU(6)
        self.b, self.one = nn.Conv2d(6, 4, 3, padding=1), nn.PReLU()

    def forward(self, image):
        return F.pixel_shuffle(self.one(self.b(self.act(self.a(image)))), 2)


class ShuffleNet(nn.Module):
    """Grouped convolutions and channel shuffle, reflection padding."""

    inputs = image(4, 6)

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 8, 3, groups=2)
        self.b = nn.Conv2d(8, 8, 1, groups=4)
        self.shuffle = nn.ChannelShuffle(4)
        self.pad = nn.ReflectionPad2d(1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, image):
        x = self.shuffle(F.mish(self.a(self.pad(image))))
        left, right = self.b(x).chunk(2, 1)
        return self.head(torch.cat([left * torch.sigmoid(right), right], 1).mean((2, 3)))


class Conv3dNet(nn.Module):
    inputs = staticmethod(lambda: {"x": normal(2, 4, 6, 5)})

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, padding=1, stride=(1, 2, 1))
        self.norm = nn.BatchNorm3d(4)
        self.pool = nn.MaxPool3d(2)
        self.deep = nn.Conv3d(4, 4, (2, 1, 2))
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x):
        return self.head(F.softplus(self.deep(self.pool(F.relu(self.norm(self.conv(x)))))).mean((2, 3, 4)))


class TCN(nn.Module):
    """Causal dilated convolutions with residuals; a number at each step."""

    inputs = staticmethod(lambda: {"x": normal(3, 10)})
    targets = staticmethod(lambda: normal(1, 10))
    loss = {"type": "mse", "reduction": "mean"}

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(3 if d == 1 else 5, 5, 3, dilation=d) for d in (1, 2, 4))
        self.skip = nn.Conv1d(3, 5, 1)
        self.head = nn.Conv1d(5, 1, 1)

    def forward(self, x):
        skip = self.skip(x)
        for layer in self.layers:
            x = F.relu(layer(F.pad(x, (2 * layer.dilation[0], 0))))
            skip = skip + x
        return self.head(skip)


class WaveNet(nn.Module):
    """Gated tanh x sigmoid units over learnt embeddings; a class at each step."""

    inputs = tokens(9, 7)
    targets = positions(9, classes=7)
    loss = {"type": "softmax-cross-entropy", "reduction": "mean"}

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.gates = nn.ModuleList(nn.Conv1d(4, 8, 2, dilation=d) for d in (1, 2))
        self.mix = nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in (1, 2))
        self.head = nn.Conv1d(4, 7, 1)

    def forward(self, ids):
        x = self.embed(ids).transpose(1, 2)
        total = 0
        for gate, mix in zip(self.gates, self.mix):
            a, b = gate(F.pad(x, (gate.dilation[0], 0))).chunk(2, 1)
            y = mix(torch.tanh(a) * torch.sigmoid(b))
            x, total = x + y, total + y
        return self.head(F.relu(total))


class LSTMClassifier(nn.Module):
    inputs = tokens(6)
    recurrent = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.lstm = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True, dropout=0.1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids):
        output, (h, c) = self.lstm(self.embedding(ids))
        return self.head(torch.cat([h[-2], h[-1]], 1) + output.mean(1) + c[0].sum(1, keepdim=True))


class LSTMTagger(nn.Module):
    """Time first, one direction, a class at each step."""

    inputs = sequence()
    targets = positions(6)
    loss = {"type": "softmax-cross-entropy"}
    recurrent = True

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4, bias=False)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x):
        return self.head(self.lstm(x.transpose(0, 1))[0]).transpose(0, 1)


class Packed(nn.Module):
    """Sequences of different lengths, sorted and packed (pack_padded_sequence), in two directions. Without the state as an argument PyTorch cannot export it."""

    inputs = staticmethod(lambda: {"ids": ids(11, 6), "lengths": torch.randint(1, 7, (EXAMPLES,))})
    recurrent = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.lstm = nn.LSTM(5, 4, bidirectional=True, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        zero = torch.zeros(2, ids.shape[0], 4, dtype=self.head.weight.dtype)
        _, (last, _) = self.lstm(packed, (zero, zero))
        return self.head(torch.cat([last[0], last[1]], 1))


class PackedTagger(nn.Module):
    """Packed, and padded again: a class at each step."""

    inputs = staticmethod(Packed.inputs)
    targets = positions(6)
    loss = {"type": "softmax-cross-entropy"}
    recurrent = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.gru = nn.GRU(5, 4)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(ids).transpose(0, 1), lengths, enforce_sorted=False)
        out, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=6)
        return self.head(out)


class LSTMProjected(nn.Module):
    """An LSTM with a projection (proj_size)."""

    inputs = sequence()
    recurrent = True

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6, proj_size=3, batch_first=True)
        self.head = nn.Linear(3, CLASSES)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class GRUAttention(nn.Module):
    """A bidirectional GRU, additive attention over its steps, mask from the padding."""

    inputs = tokens(6)
    recurrent = True

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5, padding_idx=0)
        self.gru = nn.GRU(5, 4, bidirectional=True, batch_first=True)
        self.score = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1, bias=False))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids):
        states, _ = self.gru(self.embedding(ids))
        score = self.score(states).squeeze(-1).masked_fill(ids == 3, float("-inf"))
        weights = torch.softmax(score, 1)
        return self.head(torch.bmm(weights.unsqueeze(1), states).squeeze(1))


class RNNNet(nn.Module):
    """Plain recurrence, two layers with ReLU, one with tanh and a learnt initial state."""

    inputs = sequence()
    recurrent = True

    def __init__(self):
        super().__init__()
        self.relu = nn.RNN(5, 4, num_layers=2, nonlinearity="relu", batch_first=True)
        self.tanh = nn.RNN(4, 3, batch_first=True)
        self.start = nn.Parameter(torch.zeros(1, 1, 3))
        self.head = nn.Linear(3, CLASSES)

    def forward(self, x):
        y, _ = self.relu(x)
        _, h = self.tanh(y, self.start.expand(-1, x.shape[0], -1).contiguous())
        return self.head(h[-1])


class Seq2Seq(nn.Module):
    """A GRU encoder whose last state starts a GRU decoder (teacher forcing)."""

    inputs = staticmethod(lambda: {"source": ids(9, 5), "target_in": ids(7, 4)})
    targets = positions(4, classes=7)
    loss = {"type": "softmax-cross-entropy", "reduction": "mean"}
    recurrent = True

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(9, 4), nn.Embedding(7, 4)
        self.encoder, self.decoder = nn.GRU(4, 5, batch_first=True), nn.GRU(4, 5, batch_first=True)
        self.head = nn.Linear(5, 7)

    def forward(self, source, target_in):
        _, state = self.encoder(self.source(source))
        return self.head(self.decoder(self.target(target_in), state)[0])


class CellLoop(nn.Module):
    """nn.LSTMCell and nn.GRUCell in a loop of Python."""

    inputs = sequence(4)
    recurrent = True

    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(5, 4), nn.GRUCell(4, 3)
        self.head = nn.Linear(3, CLASSES)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[0], 4)
        s = x.new_zeros(x.shape[0], 3)
        for t in range(x.shape[1]):
            h, c = self.lstm(x[:, t], (h, c))
            s = self.gru(h, s)
        return self.head(s)


class Encoder(nn.Module):
    """nn.TransformerEncoder, post-norm, with a padding mask made from the ids."""

    inputs = tokens()

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.position = nn.Embedding(6, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids):
        x = self.embedding(ids) + self.position(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.encoder(x, src_key_padding_mask=ids == 2).mean(1))


class BertLike(nn.Module):
    """Hand-written BERT: three embeddings, additive mask, pooler on the first token."""

    @staticmethod
    def inputs():
        lengths = torch.randint(2, 7, (EXAMPLES, 1))
        mask = (torch.arange(6) < lengths).long()
        return {"input_ids": ids(13, 6) * mask, "attention_mask": mask, "token_type_ids": torch.randint(0, 2, (EXAMPLES, 6)) * mask}

    def __init__(self):
        super().__init__()
        self.word, self.kind, self.place = nn.Embedding(13, 8, padding_idx=0), nn.Embedding(2, 8), nn.Embedding(10, 8)
        self.register_buffer("position_ids", torch.arange(10).unsqueeze(0), persistent=False)
        self.norms = nn.ModuleList(nn.LayerNorm(8, eps=1e-12) for _ in range(3))
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)
        self.pooler, self.classifier = nn.Linear(8, 8), nn.Linear(8, CLASSES)
        self.dropout = nn.Dropout(0.1)

    def heads(self, x):
        return x.view(x.size(0), x.size(1), 2, 4).permute(0, 2, 1, 3)

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = self.position_ids[:, : input_ids.size(1)]
        x = self.dropout(self.norms[0](self.word(input_ids) + self.kind(token_type_ids) + self.place(places)))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(torch.float32).min
        scores = self.heads(self.query(x)) @ self.heads(self.key(x)).transpose(-1, -2) / math.sqrt(4) + mask
        mixed = self.dropout(F.softmax(scores, -1)) @ self.heads(self.value(x))
        x = self.norms[1](x + self.out(mixed.permute(0, 2, 1, 3).reshape(x.shape)))
        x = self.norms[2](x + self.down(F.gelu(self.up(x))))
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class GPT(nn.Module):
    """nanoGPT: fused qkv, scaled_dot_product_attention, tied head, a loss for each token."""

    inputs = tokens(7, 10)
    targets = positions(7, classes=10, ignore=-1)
    loss = {"type": "softmax-cross-entropy", "reduction": "mean", "ignoreIndex": -1}

    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(10, 8), nn.Embedding(7, 8)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {"ln_1": nn.LayerNorm(8), "attn": nn.Linear(8, 24), "proj": nn.Linear(8, 8), "ln_2": nn.LayerNorm(8),
                 "fc": nn.Linear(8, 16), "out": nn.Linear(16, 8)}
            )
            for _ in range(2)
        )
        self.ln_f = nn.LayerNorm(8)
        self.lm_head = nn.Linear(8, 10, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        b, t = ids.size()
        x = self.wte(ids) + self.wpe(torch.arange(t, device=ids.device))
        for block in self.blocks:
            q, k, v = block["attn"](block["ln_1"](x)).split(8, dim=2)
            q, k, v = (part.view(b, t, 2, 4).transpose(1, 2) for part in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block["proj"](y.transpose(1, 2).contiguous().view(b, t, 8))
            x = x + block["out"](F.gelu(block["fc"](block["ln_2"](x)), approximate="tanh"))
        return self.lm_head(self.ln_f(x))


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Llama(nn.Module):
    """RMSNorm, rotary positions, SwiGLU, grouped queries, causal mask by triu."""

    inputs = tokens(6, 10)
    targets = positions(6, classes=10)
    loss = {"type": "softmax-cross-entropy"}

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.norm1, self.norm2, self.norm = RMSNorm(8), RMSNorm(8), nn.RMSNorm(8, eps=1e-6)
        self.q, self.k, self.v, self.o = (nn.Linear(8, n, bias=False) for n in (8, 4, 4, 8))
        self.gate, self.up, self.down = nn.Linear(8, 12, bias=False), nn.Linear(8, 12, bias=False), nn.Linear(12, 8, bias=False)
        self.head = nn.Linear(8, 10, bias=False)
        self.register_buffer("inverse", 1.0 / (100 ** (torch.arange(0, 4, 2).float() / 4)), persistent=False)

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    def forward(self, ids):
        b, t = ids.shape
        x = self.embed(ids)
        angles = torch.outer(torch.arange(t, device=ids.device).to(x.dtype), self.inverse.to(x.dtype))
        cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()
        y = self.norm1(x)
        q = self.rotate(self.q(y).view(b, t, 2, 4).transpose(1, 2), cos, sin)
        k = self.rotate(self.k(y).view(b, t, 1, 4).transpose(1, 2), cos, sin).repeat_interleave(2, 1)
        v = self.v(y).view(b, t, 1, 4).transpose(1, 2).expand(-1, 2, -1, -1)
        mask = torch.full((t, t), float("-inf"), device=ids.device).triu(1)
        y = F.softmax(q @ k.transpose(2, 3) / 2 + mask, -1) @ v
        x = x + self.o(y.transpose(1, 2).reshape(b, t, 8))
        y = self.norm2(x)
        x = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return self.head(self.norm(x))


class Decoder(nn.Module):
    """nn.TransformerDecoder with cross attention to an encoded image."""

    inputs = staticmethod(lambda: {"image": normal(3, 4, 4), "ids": ids(9, 5)})
    targets = positions(5, classes=9)
    loss = {"type": "softmax-cross-entropy"}

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        self.encode = nn.Conv2d(3, 8, 2, 2)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, batch_first=True), 1)
        self.head = nn.Linear(8, 9)
        self.register_buffer("causal", nn.Transformer.generate_square_subsequent_mask(5))

    def forward(self, image, ids):
        memory = self.encode(image).flatten(2).transpose(1, 2)
        return self.head(self.decoder(self.embed(ids), memory, tgt_mask=self.causal.to(memory.dtype)))


class MultiheadAttention(nn.Module):
    """nn.MultiheadAttention, time first, keys of another width, added bias."""

    inputs = staticmethod(lambda: {"x": normal(5, 8), "y": normal(4, 6)})

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=6, add_bias_kv=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x, y):
        x, y = x.transpose(0, 1), y.transpose(0, 1)
        out, weights = self.attention(x, y, y)
        return self.head(out.mean(0) + weights.amax((1, 2)).unsqueeze(1))


class Siamese(nn.Module):
    """One tower at two inputs, the distance classified."""

    inputs = staticmethod(lambda: {"left": normal(1, 6, 6), "right": normal(1, 6, 6)})
    targets = staticmethod(lambda: torch.randint(0, 2, (EXAMPLES, 1)).float())
    loss = {"type": "sigmoid-cross-entropy"}

    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5))
        self.head = nn.Linear(5, 1)

    def forward(self, left, right):
        return self.head((self.tower(left) - self.tower(right)).abs())


class Contrastive(nn.Module):
    """A margin loss on the distance of two embeddings, computed in the graph, beside another output."""

    inputs = staticmethod(lambda: {"left": normal(6), "right": normal(6), "same": torch.randint(0, 2, (EXAMPLES,)).float()})
    outputs = ("distance", "loss")
    loss = {"type": "output", "output": "loss", "prediction": "distance"}

    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, left, right, same):
        distance = F.pairwise_distance(self.tower(left), self.tower(right))
        return distance, same * distance.pow(2) + (1 - same) * F.relu(4 - distance).pow(2)


class VAE(nn.Module):
    """Reconstruction and the Kullback-Leibler term of a variational autoencoder (mean code), in the graph."""

    inputs = staticmethod(lambda: {"x": torch.rand(EXAMPLES, 8)})
    outputs = ("loss", "reconstruction")
    loss = {"type": "output", "output": "loss"}

    def __init__(self):
        super().__init__()
        self.encode, self.mean, self.spread = nn.Linear(8, 6), nn.Linear(6, 2), nn.Linear(6, 2)
        self.decode = nn.Sequential(nn.Linear(2, 6), nn.ELU(), nn.Linear(6, 8))

    def forward(self, x):
        h = torch.tanh(self.encode(x))
        mean, log_variance = self.mean(h), self.spread(h)
        y = self.decode(mean)
        error = F.binary_cross_entropy_with_logits(y, x, reduction="none").sum(1)
        return error - 0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(1), torch.sigmoid(y)


class CosineHead(nn.Module):
    """ArcFace-like: normalised features times normalised class weights, scaled."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.weight = nn.Parameter(torch.randn(CLASSES, 5))

    def forward(self, x):
        return 8 * F.linear(F.normalize(self.body(x)), F.normalize(self.weight))


class CosineSimilarity(nn.Module):
    """Prototypes compared by nn.CosineSimilarity, learnt temperature as in CLIP."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.prototypes = nn.Parameter(torch.randn(CLASSES, 5))
        self.logit_scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        x = self.body(x).unsqueeze(1)
        return self.logit_scale.exp() * F.cosine_similarity(x, self.prototypes.unsqueeze(0), dim=-1)


class Prototypes(nn.Module):
    """Class scores are negative squared distances to prototypes (torch.cdist)."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.prototypes = nn.Parameter(torch.randn(CLASSES, 5))

    def forward(self, x):
        return -torch.cdist(torch.tanh(self.body(x)), self.prototypes)


class MixtureOfExperts(nn.Module):
    """Softly gated experts with stacked weights, by einsum."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 3)
        self.w1 = nn.Parameter(torch.randn(3, 6, 5))
        self.b1 = nn.Parameter(torch.zeros(3, 5))
        self.w2 = nn.Parameter(torch.randn(3, 5, CLASSES))

    def forward(self, x):
        hidden = F.relu(torch.einsum("bi,eio->beo", x, self.w1) + self.b1)
        out = torch.einsum("beo,eoc->bec", hidden, self.w2)
        return torch.einsum("be,bec->bc", F.softmax(self.gate(x), -1), out)


class LearntQuery(nn.Module):
    """Attention by one learnt query; the older exporter does not know the size of the axis that is squeezed, and writes a branch."""

    inputs = sequence(5, 8)

    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        query = self.query.repeat(x.shape[0], 1, 1)
        return self.head(self.attention(query, x, x)[0].squeeze(1))


class ExpertLookup(nn.Module):
    """Each example through the one expert that its gate likes best: a weight is picked by index."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 3)
        self.w = nn.Parameter(torch.randn(3, 6, 5))
        self.b = nn.Parameter(torch.zeros(3, 5))
        self.head = nn.Linear(5, CLASSES)

    def forward(self, x):
        share, chosen = self.gate(x).softmax(-1).max(-1)
        y = torch.bmm(x.unsqueeze(1), self.w[chosen]).squeeze(1) + self.b[chosen]
        return self.head(F.relu(y) * share.unsqueeze(-1))


class FoldedPatches(nn.Module):
    """Overlapping patches through a dense layer and back (nn.Unfold, nn.Fold), between dilated convolutions that keep the size."""

    inputs = image(2, 6)

    def __init__(self):
        super().__init__()
        self.before = nn.Conv2d(2, 2, (3, 2), padding="same", dilation=2)
        self.patch = nn.Linear(8, 8)
        self.after = nn.Conv2d(2, 4, 3, padding="same", dilation=2)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, image):
        columns = F.unfold(self.before(image), 2, padding=1, stride=2)
        mixed = torch.tanh(self.patch(columns.transpose(1, 2))).transpose(1, 2)
        x = F.fold(mixed, (6, 6), 2, padding=1, stride=2)
        return self.head(F.relu(self.after(x)).mean((2, 3)))


class RandomField(nn.Module):
    """Tags of a sequence with learnt transitions (CRF): the negative log-likelihood is computed in the graph."""

    inputs = staticmethod(lambda: {"x": normal(5, 6), "tags": torch.randint(0, 3, (EXAMPLES, 5))})
    outputs = ("loss",)
    loss = {"type": "output", "output": "loss"}

    def __init__(self):
        super().__init__()
        self.emit = nn.Linear(6, 3)
        self.move = nn.Parameter(torch.randn(3, 3))
        self.start = nn.Parameter(torch.randn(3))

    def forward(self, x, tags):
        scores = self.emit(x)
        all_paths, path = self.start + scores[:, 0], self.start[tags[:, 0]] + scores[:, 0].gather(1, tags[:, :1]).squeeze(1)
        for step in range(1, 5):
            all_paths = torch.logsumexp(all_paths.unsqueeze(2) + self.move + scores[:, step].unsqueeze(1), 1)
            path = path + self.move[tags[:, step - 1], tags[:, step]] + scores[:, step].gather(1, tags[:, step : step + 1]).squeeze(1)
        return torch.logsumexp(all_paths, 1) - path


class EinsumAttention(nn.Module):
    """Multi-head attention written with einsum throughout (as in einops models)."""

    inputs = sequence()

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Parameter(torch.randn(5, 2, 4)) for _ in range(3))
        self.o = nn.Parameter(torch.randn(2, 4, 5))
        self.head = nn.Linear(5, CLASSES)

    def forward(self, x):
        q, k, v = (torch.einsum("btd,dhk->bhtk", x, w) for w in (self.q, self.k, self.v))
        scores = torch.einsum("bhqk,bhsk->bhqs", q, k) / 2
        mixed = torch.einsum("bhqs,bhsk->bqhk", scores.softmax(-1), v)
        return self.head(torch.einsum("bqhk,hkd->bqd", mixed, self.o).sum(1))


class Bilinear(nn.Module):
    """nn.Bilinear: a product of two inputs with a weight of three axes."""

    inputs = staticmethod(lambda: {"x": normal(4), "y": normal(3)})

    def __init__(self):
        super().__init__()
        self.mix = nn.Bilinear(4, 3, CLASSES)

    def forward(self, x, y):
        return self.mix(x, y)


class LoRA(nn.Module):
    """A frozen layer with a trained low-rank update."""

    inputs = staticmethod(lambda: {"x": normal(6)})
    frozen = ("base.weight", "base.bias")

    def __init__(self):
        super().__init__()
        self.base = nn.Linear(6, 8)
        self.base.requires_grad_(False)
        self.a, self.b = nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.zeros(8, 2))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.head(torch.tanh(self.base(x) + (x @ self.a.t() @ self.b.t()) * 2.0))


class LoRAConv(nn.Module):
    """The update added to the weight of a convolution."""

    inputs = image(2, 5)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.a, self.b = nn.Parameter(torch.randn(1, 18)), nn.Parameter(torch.randn(4, 1))
        self.head = nn.Linear(4, CLASSES)

    def forward(self, image):
        weight = self.conv.weight + (self.b @ self.a).view_as(self.conv.weight)
        return self.head(torch.relu(F.conv2d(image, weight, self.conv.bias)).mean((2, 3)))


class Highway(nn.Module):
    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.h, self.t = nn.ModuleList(nn.Linear(6, 6) for _ in "ab"), nn.ModuleList(nn.Linear(6, 6) for _ in "ab")
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        for h, t in zip(self.h, self.t):
            gate = torch.sigmoid(t(x))
            x = gate * F.relu(h(x)) + (1 - gate) * x
        return self.head(x)


class WideAndDeep(nn.Module):
    """Categorical embeddings and numbers, a factorisation machine, batch norm on the numbers."""

    inputs = staticmethod(lambda: {"numbers": normal(3), "categories": torch.stack([torch.randint(0, n, (EXAMPLES,)) for n in (4, 7)], 1)})
    targets = staticmethod(lambda: normal(1))
    loss = {"type": "huber", "delta": 1.0}

    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(4, 3), nn.Embedding(7, 3)])
        self.norm = nn.BatchNorm1d(3)
        self.deep = nn.Sequential(nn.Linear(9, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 1))
        self.wide = nn.Linear(3, 1)

    def forward(self, numbers, categories):
        x = self.norm(numbers)
        fields = torch.stack([table(categories[:, i]) for i, table in enumerate(self.tables)], 1)
        pairs = 0.5 * (fields.sum(1).square() - fields.square().sum(1)).sum(1, keepdim=True)
        return self.wide(x) + pairs + self.deep(torch.cat([x, fields.flatten(1)], 1))


class BagOfWords(nn.Module):
    """fastText: nn.EmbeddingBag over the tokens."""

    inputs = tokens()

    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(11, 5, mode="mean")
        self.head = nn.Linear(5, CLASSES)

    def forward(self, ids):
        return self.head(self.bag(ids))


class TextCNN(nn.Module):
    """Kim's convolutions of several widths with max over time, max-norm free."""

    inputs = tokens(8)

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 5)
        self.convs = nn.ModuleList(nn.Conv1d(5, 3, k) for k in (2, 3, 4))
        self.head = nn.Linear(9, CLASSES)

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        return self.head(torch.cat([F.relu(c(x)).max(-1).values for c in self.convs], 1))


class Adaptive(nn.Module):
    """Adaptive pools to sizes that do not divide, global statistics pooling (mean and standard deviation)."""

    inputs = image(2, 6)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")
        self.head = nn.Linear(4 * 9 + 8, CLASSES)

    def forward(self, image):
        x = torch.tanh(self.conv(image))
        pooled = F.adaptive_avg_pool2d(x, 3).flatten(1)
        return self.head(torch.cat([pooled, x.mean((2, 3)), x.std((2, 3))], 1))


class CBAM(nn.Module):
    """Channel and spatial attention: mean and max of both kinds."""

    inputs = image(3, 6)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.mlp = nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))
        self.spatial = nn.Conv2d(2, 1, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, image):
        x = F.gelu(self.stem(image))
        channel = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        x = x * channel[:, :, None, None]
        place = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        return self.head((x * torch.sigmoid(self.spatial(place))).mean((2, 3)))


class FocalLoss(nn.Module):
    """Focal loss of the labels, computed in the graph for each example."""

    inputs = staticmethod(lambda: {"x": normal(6), "labels": torch.randint(0, CLASSES, (EXAMPLES,))})
    outputs = ("loss",)
    loss = {"type": "output", "output": "loss"}

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, CLASSES))

    def forward(self, x, labels):
        entropy = F.cross_entropy(self.body(x), labels, reduction="none")
        return (1 - torch.exp(-entropy)) ** 2 * entropy


class GaussianLoss(nn.Module):
    """GaussianNLLLoss: a mean and a variance for each of three numbers."""

    inputs = staticmethod(lambda: {"x": normal(6), "numbers": normal(3)})
    outputs = ("loss", "mean")
    loss = {"type": "output", "output": "loss", "prediction": "mean"}

    def __init__(self):
        super().__init__()
        self.body, self.mean, self.variance = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x, numbers):
        h = torch.tanh(self.body(x))
        mean = self.mean(h)
        return F.gaussian_nll_loss(mean, numbers, F.softplus(self.variance(h)), reduction="none").sum(1), mean


class DiceLoss(nn.Module):
    """Soft Dice loss of each example's mask, with the binary cross-entropy of its pixels."""

    inputs = staticmethod(lambda: {"image": normal(1, 6, 6), "mask": (torch.rand(EXAMPLES, 1, 6, 6) < 0.4).float()})
    outputs = ("loss",)
    loss = {"type": "output", "output": "loss"}

    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, image, mask):
        logits = self.out(torch.tanh(self.first(image))).flatten(1)
        on, p = mask.flatten(1), torch.sigmoid(logits)
        dice = 1 - (2 * (p * on).sum(1) + 1) / (p.sum(1) + on.sum(1) + 1)
        return dice + F.binary_cross_entropy_with_logits(logits, on, reduction="none").mean(1)


class GraphConv(nn.Module):
    """Graph convolution with a dense adjacency matrix."""

    inputs = staticmethod(lambda: {"x": normal(5, 4), "adjacency": (torch.rand(EXAMPLES, 5, 5) < 0.5).float()})

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x, adjacency):
        a = adjacency + torch.eye(5)
        a = a / a.sum(-1, keepdim=True)
        return self.head(F.relu(a @ self.b(F.relu(a @ self.a(x)))).mean(1))


class Relative(nn.Module):
    """Windowed attention with a table of relative position biases (Swin)."""

    inputs = staticmethod(lambda: {"x": normal(4, 8)})

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(9, 2))
        place = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")).flatten(1)
        offset = (place[:, :, None] - place[:, None]).permute(1, 2, 0) + 1
        self.register_buffer("relative_position_index", offset[..., 0] * 3 + offset[..., 1])
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.relative_position_index.view(-1)].view(n, n, 2).permute(2, 0, 1)
        attention = (q * 0.5) @ k.transpose(-2, -1) + bias.unsqueeze(0)
        x = (attention.softmax(-1) @ v).transpose(1, 2).reshape(b, n, c)
        return self.head(torch.roll(self.proj(x), 1, 1).mean(1))


class Maxout(nn.Module):
    """Maxout, GLU, tanhshrink and other rarer activations."""

    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 12), nn.Linear(6, 12)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.a(x).view(-1, 6, 2).max(-1)[0]
        x = F.glu(self.b(x), 1)
        return self.head(F.hardtanh(x) + F.logsigmoid(x) + F.softsign(x) + F.celu(x) + F.hardsigmoid(x) + F.tanhshrink(x) + F.softshrink(x))


def hugging_face(kind, **options):
    """A model of transformers with random weights; the output is its logits."""

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            import transformers

            config = getattr(transformers, f"{kind.removesuffix('ForSequenceClassification').removesuffix('LMHeadModel').removesuffix('ForCausalLM')}Config")
            self.model = getattr(transformers, kind)(config(**options["config"]))

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits

    if "Sequence" not in kind:
        Logits.targets = positions(6, classes=12)
        Logits.loss = {"type": "softmax-cross-entropy", "reduction": "mean"}
    Logits.inputs = staticmethod(lambda: {name: value for name, value in BertLike.inputs().items() if name != "token_type_ids"} | {"input_ids": ids(12, 6)})
    return Logits


def hugging_face_images(kind, size, **config):
    """The same for images."""

    class Logits(nn.Module):
        inputs = staticmethod(lambda: {"pixel_values": normal(3, size, size)})

        def __init__(self):
            super().__init__()
            import transformers

            made = getattr(transformers, f"{kind.removesuffix('ForImageClassification').removesuffix('ForSemanticSegmentation')}Config")
            self.model = getattr(transformers, kind)(made(num_labels=CLASSES, **config))

        def forward(self, pixel_values):
            return self.model(pixel_values).logits

    if "Segmentation" in kind:
        Logits.targets = positions(size // 4, size // 4, ignore=255)
        Logits.loss = {"type": "softmax-cross-entropy", "reduction": "mean", "ignoreIndex": 255}
    return Logits


_bert = dict(vocab_size=12, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=8, num_labels=CLASSES)
_gpt = dict(vocab_size=12, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
_distil = dict(vocab_size=12, dim=8, n_layers=1, n_heads=2, hidden_dim=12, max_position_embeddings=8, num_labels=CLASSES)
_llama = dict(
    vocab_size=12, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=8
)
_neox = dict(
    vocab_size=12, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=8, rotary_pct=0.5
)

MODELS = {
    "ResNet-18": ResNet18,
    "squeeze and excitation": SqueezeExcite,
    "inverted bottleneck (MobileNet)": MobileBlock,
    "ConvNeXt": ConvNeXt,
    "vision transformer": ViT,
    "MLP-Mixer": Mixer,
    "U-Net, transposed convolutions": UNet,
    "segmentation, bilinear resize": SegmentationResize,
    "upsampling, three modes": UpsampleNet,
    "Inception": Inception,
    "DenseNet": DenseNet,
    "group and instance normalisation": GroupNormNet,
    "weight norm and spectral norm": WeightNormNet,
    "super-resolution (PixelShuffle, PReLU)": PixelShuffleNet,
    "channel shuffle, grouped convolutions": ShuffleNet,
    "3D convolutions": Conv3dNet,
    "temporal convolutions": TCN,
    "WaveNet": WaveNet,
    "LSTM classifier, two layers, two directions": LSTMClassifier,
    "LSTM tagger": LSTMTagger,
    "packed sequences, two directions": Packed,
    "packed sequences, tagger": PackedTagger,
    "LSTM with projection": LSTMProjected,
    "GRU with attention": GRUAttention,
    "plain recurrent layers, learnt start": RNNNet,
    "GRU encoder and decoder": Seq2Seq,
    "LSTMCell and GRUCell in a loop": CellLoop,
    "transformer encoder": Encoder,
    "BERT-style classifier": BertLike,
    "GPT-style decoder, tied head": GPT,
    "Llama-style decoder": Llama,
    "transformer decoder, cross attention": Decoder,
    "nn.MultiheadAttention, time first": MultiheadAttention,
    "Siamese network": Siamese,
    "contrastive loss in the graph": Contrastive,
    "variational autoencoder, loss in the graph": VAE,
    "normalised class weights (ArcFace)": CosineHead,
    "cosine similarity to prototypes": CosineSimilarity,
    "distances to prototypes (cdist)": Prototypes,
    "mixture of experts (einsum)": MixtureOfExperts,
    "attention by a learnt query, squeezed": LearntQuery,
    "mixture of experts (lookup)": ExpertLookup,
    "patches (unfold, fold), dilation": FoldedPatches,
    "conditional random field in the graph": RandomField,
    "attention by einsum": EinsumAttention,
    "nn.Bilinear": Bilinear,
    "LoRA, frozen base": LoRA,
    "LoRA in a convolution's weight": LoRAConv,
    "highway network": Highway,
    "embeddings and numbers (wide and deep)": WideAndDeep,
    "nn.EmbeddingBag": BagOfWords,
    "text CNN": TextCNN,
    "adaptive pools, circular padding": Adaptive,
    "channel and spatial attention (CBAM)": CBAM,
    "focal loss in the graph": FocalLoss,
    "GaussianNLLLoss in the graph": GaussianLoss,
    "soft Dice loss of masks in the graph": DiceLoss,
    "graph convolution": GraphConv,
    "relative position biases (Swin)": Relative,
    "maxout, GLU, rarer activations": Maxout,
    "BertForSequenceClassification": hugging_face("BertForSequenceClassification", config=_bert),
    "DistilBertForSequenceClassification": hugging_face("DistilBertForSequenceClassification", config=_distil),
    "GPT2LMHeadModel": hugging_face("GPT2LMHeadModel", config=_gpt),
    "LlamaForCausalLM": hugging_face("LlamaForCausalLM", config=_llama),
    # As DeBERTa-v3: relative positions that are normalised, projected and repeated for each example.
    "DebertaV2ForSequenceClassification": hugging_face(
        "DebertaV2ForSequenceClassification",
        config=_bert
        | dict(relative_attention=True, position_buckets=4, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False),
    ),
    "GPTNeoXForCausalLM": hugging_face("GPTNeoXForCausalLM", config=_neox),
    "MambaForCausalLM": hugging_face(
        "MambaForCausalLM", config=dict(vocab_size=12, hidden_size=8, state_size=4, num_hidden_layers=1, conv_kernel=3, intermediate_size=12, time_step_rank=2)
    ),
    "ConvNextForImageClassification": hugging_face_images("ConvNextForImageClassification", 32, hidden_sizes=[4, 6, 8, 10], depths=[1, 1, 1, 1], layer_scale_init_value=0.1),
    "SegformerForSemanticSegmentation": hugging_face_images(
        "SegformerForSemanticSegmentation", 32, hidden_sizes=[4, 8, 8, 8], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 2], decoder_hidden_size=8
    ),
}
