"""Goldens for losses beyond one label per example: ONNX, two checkpoints, data, and TracInCP by definition.

    python test/golden/losses.py [NAME ...]

Writes test/unit/golden/tracin/loss-NAME/. See README.md for the format; the losses are those of torch.nn.functional.
"""

import json
import sys
import warnings

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from influence import influence
from synthetic import OUT, QUERIES, RATES, TRAIN, normal, randomise

N = TRAIN + QUERIES
CLASSES, LENGTH, SIZE = 5, 7, 6


class CrossEntropy:
    """Softmax cross-entropy at each position that counts; `axis` of the classes."""

    reading = "positions"

    def __init__(self, axis, reduction="sum", ignore=-100, shift=False, weights=None, smoothing=0.0):
        self.axis, self.reduction, self.ignore, self.shift = axis, reduction, ignore, shift
        self.weights, self.smoothing = weights, smoothing

    def config(self):
        named = {
            "reduction": self.reduction,
            "ignoreIndex": self.ignore,
            "shift": self.shift or None,
            "weights": self.weights,
            "labelSmoothing": self.smoothing or None,
        }
        return {"type": "softmax-cross-entropy"} | {key: value for key, value in named.items() if value is not None}

    def aligned(self, output, target):
        output = output.movedim(self.axis, 1)
        return (output[:, :, :-1], target[:, 1:]) if self.shift else (output, target)

    def reduced(self, output, target, reduction, **options):
        output, target = self.aligned(output, target)
        if (target == self.ignore).all():
            return output.sum() * 0
        weight = None if self.weights is None else torch.tensor(self.weights, dtype=output.dtype)
        return F.cross_entropy(
            output, target, weight=weight, ignore_index=self.ignore, reduction=reduction, label_smoothing=self.smoothing
        )

    def __call__(self, output, target):
        return self.reduced(output, target, self.reduction)

    def predict(self, output, target):
        mean = self.reduced(output, target, "mean")
        output, target = self.aligned(output, target)
        counted = target != self.ignore
        wrong = counted & (output.argmax(1) != target)
        return torch.stack([counted.sum().double(), wrong.sum().double(), mean])[None]


class OneLabel(CrossEntropy):
    """One label for each example, with class weights and smoothing."""

    reading = "probabilities"

    def predict(self, output, target):
        return output.softmax(1)


class Sigmoid:
    """Binary cross-entropy at each position that counts (target >= 0)."""

    reading = "positions"

    def __init__(self, reduction="sum", pos_weight=None, smoothing=0.0):
        self.reduction, self.pos_weight, self.smoothing = reduction, pos_weight, smoothing

    def config(self):
        named = {"reduction": self.reduction, "posWeight": self.pos_weight, "labelSmoothing": self.smoothing or None}
        return {"type": "sigmoid-cross-entropy"} | {key: value for key, value in named.items() if value is not None}

    def reduced(self, output, target, reduction):
        weight = None if self.pos_weight is None else torch.tensor(self.pos_weight, dtype=output.dtype)
        target = target.reshape(output.shape).to(output.dtype)
        counted = target >= 0
        smooth = target.clamp(min=0) * (1 - self.smoothing) + self.smoothing / 2
        parts = F.binary_cross_entropy_with_logits(output, smooth, pos_weight=weight, reduction="none")[counted]
        return output.sum() * 0 if not counted.any() else parts.sum() if reduction == "sum" else parts.mean()

    def __call__(self, output, target):
        return self.reduced(output, target, self.reduction)

    def predict(self, output, target):
        if self.reading == "probabilities":
            return output.sigmoid()
        mean = self.reduced(output, target, "mean")
        target = target.reshape(output.shape)
        counted = target >= 0
        wrong = counted & ((output > 0) != (target > 0.5))
        return torch.stack([counted.sum().double(), wrong.sum().double(), mean])[None]


class Labels(Sigmoid):
    reading = "probabilities"


class Distance:
    """MSE, MAE, Huber or smooth L1 over outputs of any rank."""

    def __init__(self, kind, reduction="sum", reading="outputs", **options):
        self.kind, self.reduction, self.reading, self.options = kind, reduction, reading, options

    def config(self):
        return {"type": self.kind, "reduction": self.reduction} | self.options

    def reduced(self, output, target, reduction):
        function = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss, "smooth-l1": F.smooth_l1_loss}[self.kind]
        return function(output, target.to(output.dtype), reduction=reduction, **self.options)

    def __call__(self, output, target):
        return self.reduced(output, target, self.reduction)

    def predict(self, output, target):
        if self.reading == "values":
            return output
        return torch.stack([torch.tensor(float(output.numel()), dtype=output.dtype), self.reduced(output, target, "mean")])[None]


class Focal(OneLabel):
    """alpha_t (1 - p_t)^gamma times the cross-entropy of one label."""

    def __init__(self, gamma, alpha):
        super().__init__(1)
        self.gamma, self.alpha = gamma, alpha

    def config(self):
        return {"type": "softmax-cross-entropy", "gamma": self.gamma, "alpha": self.alpha}

    def __call__(self, output, target):
        probability = output.softmax(1).gather(1, target[:, None])[:, 0]
        alpha = torch.tensor(self.alpha, dtype=output.dtype)[target]
        return (alpha * (1 - probability) ** self.gamma * F.cross_entropy(output, target, reduction="none")).sum()


class FocalMask(Sigmoid):
    """The focal loss of torchvision.ops.sigmoid_focal_loss, at each pixel that counts."""

    def __init__(self, gamma, alpha, reduction):
        super().__init__(reduction)
        self.gamma, self.alpha = gamma, alpha

    def config(self):
        return super().config() | {"gamma": self.gamma, "alpha": self.alpha}

    def reduced(self, output, target, reduction):
        target = target.reshape(output.shape).to(output.dtype)
        counted = target >= 0
        on = target.clamp(min=0)
        p = output.sigmoid()
        p_t = p * on + (1 - p) * (1 - on)
        parts = F.binary_cross_entropy_with_logits(output, on, reduction="none") * (1 - p_t) ** self.gamma
        parts = ((self.alpha * on + (1 - self.alpha) * (1 - on)) * parts)[counted]
        return output.sum() * 0 if not counted.any() else parts.sum() if reduction == "sum" else parts.mean()


class Probabilities(Labels):
    """BCELoss of a model that ends with a sigmoid."""

    def __call__(self, output, target):
        return F.binary_cross_entropy(output, target.to(output.dtype), reduction=self.reduction)

    def predict(self, output, target):
        return output


class SoftMargin(Labels):
    """SoftMarginLoss takes 1 and -1 for on and off."""

    def __call__(self, output, target):
        return F.soft_margin_loss(output, 2 * target.to(output.dtype) - 1, reduction=self.reduction)


class MultiMargin(OneLabel):
    def __init__(self, margin, power, weights=None):
        super().__init__(1, weights=weights)
        self.margin, self.power = margin, power

    def config(self):
        own = {"type": "multi-margin", "margin": self.margin, "power": self.power}
        return own if self.weights is None else own | {"weights": self.weights}

    def __call__(self, output, target):
        weight = None if self.weights is None else torch.tensor(self.weights, dtype=output.dtype)
        return F.multi_margin_loss(output, target, p=self.power, margin=self.margin, weight=weight, reduction="sum")


class Numbers:
    """A loss of numbers by its function."""

    reading = "values"

    def __init__(self, kind, function, shown=lambda output: output, **options):
        self.kind, self.function, self.shown, self.options = kind, function, shown, options

    def config(self):
        return {"type": self.kind} | self.options

    def __call__(self, output, target):
        return self.function(output, target.to(output.dtype))

    def predict(self, output, target):
        return self.shown(output)


def poisson(output, target):
    return F.poisson_nll_loss(output, target, log_input=True, full=False, reduction="sum")


def divergence(output, target):
    return F.kl_div(output, target, reduction="batchmean")


def cosine(output, target):
    return -F.cosine_similarity(output, target, dim=1).sum()


class Output:
    """The model gives the loss."""

    reading = "none"

    def config(self):
        return {"type": "output", "output": "output"}

    def __call__(self, output, target):
        return output.sum()

    def predict(self, output, target):
        return torch.zeros(1, 0, dtype=torch.float64)


def words():
    return torch.randint(0, 9, (N, LENGTH))


def tags(ignore=-100):
    """Labels of tokens with padding of different lengths, some that do not count, and an example without any."""
    labels = torch.randint(0, CLASSES, (N, LENGTH))
    lengths = torch.randint(2, LENGTH + 1, (N, 1))
    labels[(torch.arange(LENGTH) >= lengths) | (torch.rand(N, LENGTH) < 0.1)] = ignore
    labels[2] = ignore
    return labels


def pixels(ignore=255):
    labels = torch.randint(0, 3, (N, SIZE, SIZE))
    labels[torch.rand(N, SIZE, SIZE) < 0.3] = ignore
    labels[4] = ignore
    return labels


def image():
    """Grey levels, as PNG files hold them."""
    return {"image": torch.randint(0, 256, (N, 1, SIZE, SIZE)) / 255}


class Tagger(nn.Module):
    """Embedding, convolution over tokens, Linear: logits [batch, tokens, classes]."""

    inputs = staticmethod(lambda: {"ids": words()})
    targets = staticmethod(lambda inputs: tags())

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 6)
        self.conv = nn.Conv1d(6, 6, 3, padding=1)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        return self.out(torch.tanh(self.conv(x)).transpose(1, 2))


class ChannelsFirst(Tagger):
    """Log-probabilities [batch, classes, tokens], as for NLLLoss."""

    def forward(self, ids):
        return super().forward(ids).transpose(1, 2).log_softmax(1)


class Decoder(nn.Module):
    """A causal language model: one block with masked attention, the embedding as output matrix."""

    @staticmethod
    def inputs():
        ids = words()
        return {"input_ids": ids}

    @staticmethod
    def targets(inputs):
        """Its own tokens, padded; one example has a single token, so that nothing is predicted."""
        labels = inputs["input_ids"].clone()
        lengths = torch.randint(2, LENGTH + 1, (N, 1))
        lengths[3] = 1
        labels[torch.arange(LENGTH) >= lengths] = -100
        return labels

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.position = nn.Embedding(LENGTH, 8)
        self.qkv = nn.Linear(8, 24)
        self.mix = nn.Linear(8, 8)
        self.up = nn.Linear(8, 12)
        self.down = nn.Linear(12, 8)
        self.register_buffer("causal", torch.ones(LENGTH, LENGTH).tril().bool(), persistent=False)

    def forward(self, input_ids):
        x = self.embedding(input_ids) + self.position.weight
        q, k, v = self.qkv(torch.tanh(x)).chunk(3, -1)
        scores = (q @ k.transpose(1, 2) / 8**0.5).masked_fill(~self.causal, -1e9)
        x = x + self.mix(scores.softmax(-1) @ v)
        x = x + self.down(torch.tanh(self.up(x)))
        return torch.tanh(x) @ self.embedding.weight.t()


class Segmenter(nn.Module):
    """Fully convolutional: logits [batch, classes, height, width]."""

    inputs = staticmethod(image)
    targets = staticmethod(lambda inputs: pixels())
    classes = 3

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.out = nn.Conv2d(4, self.classes, 3, padding=1)

    def forward(self, image):
        return self.out(torch.tanh(self.wide(torch.tanh(self.first(image)))))


class ChannelsLast(Segmenter):
    """Exported with a softmax and the classes last, as Keras models are; trained on the logits."""

    exported = False

    def forward(self, image):
        x = super().forward(image)
        return (x.softmax(1) if self.exported else x).permute(0, 2, 3, 1)


class Mask(Segmenter):
    """One logit for each pixel."""

    classes = 1

    @staticmethod
    def targets(inputs):
        labels = pixels().clamp(max=2)
        return torch.where(labels == 2, -1, labels)


class Autoencoder(Segmenter):
    """Predicts its own input."""

    classes = 1
    targets = staticmethod(lambda inputs: inputs["image"])


class Sequence(nn.Module):
    """Numbers at each step, [batch, steps, 3]; one of them is met exactly."""

    inputs = staticmethod(lambda: {"x": normal(LENGTH, 4)})
    targets = staticmethod(lambda inputs: normal(LENGTH, 3))

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x)))


class Perceptron(nn.Module):
    inputs = staticmethod(lambda: {"x": normal(6)})

    def __init__(self, outputs, targets, end=lambda x: x):
        super().__init__()
        self.targets = lambda inputs: targets()
        self.end = end
        self.hidden = nn.Linear(6, 7)
        self.out = nn.Linear(7, outputs)

    def forward(self, x):
        return self.end(self.out(torch.tanh(self.hidden(x))))


class WithLoss(Tagger):
    """Computes its loss from tokens and labels: the mean over the tokens that count, [batch]."""

    inputs = staticmethod(lambda: {"ids": words(), "labels": tags()})
    targets = staticmethod(lambda inputs: torch.zeros(N, 0))

    def forward(self, ids, labels):
        logits = super().forward(ids).log_softmax(-1)
        counted = (labels >= 0).to(logits.dtype)
        picked = (logits * (labels.unsqueeze(2) == torch.arange(CLASSES)).to(logits.dtype)).sum(2)
        return -(picked * counted).sum(1) / counted.sum(1).clamp(min=1)


def one_label():
    return torch.randint(0, CLASSES, (N,))


def flags():
    return torch.randint(0, 2, (N, 3)).float()


def distributions():
    """Some probabilities are 0."""
    parts = torch.rand(N, 4) * (torch.rand(N, 4) > 0.3)
    parts[:, 0] += 0.1
    return parts / parts.sum(1, keepdim=True)


WEIGHTS = [0.5, 2.0, 1.0, 0.25, 1.5]
MODELS = {
    "tokens": (Tagger, CrossEntropy(2)),
    "tokens-weighted-mean": (Tagger, CrossEntropy(2, "mean", weights=WEIGHTS, smoothing=0.1)),
    "tokens-confident": (Tagger, CrossEntropy(2)),
    "channels-first": (ChannelsFirst, CrossEntropy(1, "mean", smoothing=0.2)),
    "next-token": (Decoder, CrossEntropy(2, "mean", shift=True)),
    "pixels": (Segmenter, CrossEntropy(1, "mean", ignore=255)),
    "pixels-weighted": (Segmenter, CrossEntropy(1, ignore=255, weights=[0.2, 1.0, 3.0])),
    "pixels-channels-last": (ChannelsLast, CrossEntropy(3, ignore=255)),
    "mask": (Mask, Sigmoid("mean", pos_weight=2.5)),
    "mask-sum": (Mask, Sigmoid(smoothing=0.1)),
    "mae": (Sequence, Distance("mae")),
    "huber": (Autoencoder, Distance("huber", "mean", delta=0.7)),
    "smooth-l1": (lambda: Perceptron(3, lambda: normal(3)), Distance("smooth-l1", reading="values", beta=0.4)),
    "one-label-weighted": (
        lambda: Perceptron(CLASSES, lambda: torch.randint(0, CLASSES, (N,))),
        OneLabel(1, weights=WEIGHTS, smoothing=0.1),
    ),
    "labels-weighted": (
        lambda: Perceptron(3, lambda: torch.randint(0, 2, (N, 3)).float()),
        Labels("mean", pos_weight=[0.5, 2.0, 3.0]),
    ),
    "output": (WithLoss, Output()),
    "focal": (lambda: Perceptron(CLASSES, one_label), Focal(1.5, WEIGHTS)),
    "mask-focal": (Mask, FocalMask(2.0, 0.25, "mean")),
    "labels-probabilities": (lambda: Perceptron(3, flags, torch.sigmoid), Probabilities()),
    "labels-soft-margin": (lambda: Perceptron(3, flags), SoftMargin("mean")),
    "multi-margin": (lambda: Perceptron(CLASSES, one_label), MultiMargin(0.8, 1)),
    "multi-margin-squared": (lambda: Perceptron(CLASSES, one_label), MultiMargin(1.0, 2, WEIGHTS)),
    "poisson": (
        lambda: Perceptron(3, lambda: torch.poisson(torch.full((N, 3), 2.0))),
        Numbers("poisson", poisson, torch.exp, logInput=True),
    ),
    "divergence": (
        lambda: Perceptron(4, distributions, lambda x: x.log_softmax(1)),
        Numbers("kl-divergence", divergence, torch.exp, logInput=True),
    ),
    "cosine": (lambda: Perceptron(4, lambda: normal(4)), Numbers("cosine-similarity", cosine)),
}


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


def make(name, number):
    torch.manual_seed(500 + number)
    build, loss = MODELS[name]
    model = build().eval()
    randomise(model)
    inputs = model.inputs()
    targets = model.targets(inputs)
    folder = OUT / f"loss-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    model.exported = True
    export(model, inputs, folder / "model.onnx")
    with torch.no_grad():
        output = model(*inputs.values())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {key: tensor.numpy() for key, tensor in inputs.items()})
    assert np.abs(found - output.numpy()).max() < 1e-5 * max(1, np.abs(found).max()), name
    model.exported = False

    states = []
    for index in range(len(RATES)):
        randomise(model)
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        save_file(states[-1], folder / f"checkpoint-{index + 1}.safetensors", metadata={"step": str(100 * (index + 1))})
    if name == "mae":
        # An error of exactly 0 in float32 and in float64: its gradient is 0.
        with torch.no_grad():
            states[0]["out.weight"].mul_(0)
            model.load_state_dict(states[0])
            targets[:, :, 1] = states[0]["out.bias"][1]
        save_file(states[0], folder / "checkpoint-1.safetensors", metadata={"step": "100"})

    if name == "tokens-confident":
        # Labels that the model is certain of: p - 1 in float32 has lost its digits.
        for key in ("out.weight", "out.bias"):
            states[0][key].mul_(60)
        states[1] = {key: value * 0.9 for key, value in states[0].items()}
        model.load_state_dict(states[0])
        with torch.no_grad():
            targets = torch.where(targets < 0, targets, model(*inputs.values()).argmax(2))
        for index, state in enumerate(states):
            save_file(state, folder / f"checkpoint-{index + 1}.safetensors")

    def part(start, end):
        return [tensor[start:end] for tensor in inputs.values()], targets[start:end]

    train, queries = part(0, TRAIN), part(TRAIN, N)
    expected = influence(model, states, RATES, train, queries, loss)
    data = {"train.target": train[1], "query.target": queries[1]}
    for key, tensor in inputs.items():
        data |= {f"train.{key}": tensor[:TRAIN].contiguous(), f"query.{key}": tensor[TRAIN:].contiguous()}
    save_file({key: value.clone().contiguous() for key, value in data.items()}, folder / "inputs.safetensors")
    save_file(expected, folder / "expected.safetensors")
    (folder / "golden.json").write_text(
        json.dumps(
            {
                "model": "model.onnx",
                "checkpoints": [f"checkpoint-{index + 1}.safetensors" for index in range(len(RATES))],
                "learningRates": RATES,
                "loss": loss.config(),
                "reading": loss.reading,
                "inputs": list(inputs),
                "parameters": [key for key, _ in model.named_parameters()],
                "buffers": [],
            },
            indent=1,
        )
        + "\n"
    )
    print(f"{name:22} losses of the queries {expected['queryLosses'].min():.2g} to {expected['queryLosses'].max():.2g}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or list(MODELS)
    for number, name in enumerate(MODELS):
        if name in chosen:
            make(name, number)
