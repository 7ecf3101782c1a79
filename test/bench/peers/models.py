"""The models of the bench, each written as people write it.

The input is always `x`. `shape` is that of an example where the file has another one, `last` the name of the last layer, `sample(count)` draws inputs.
"""

import torch
import torch.nn.functional as F
from torch import nn

TOKENS = 2000


class Mlp(nn.Module):
    classes = 10
    shape = (784,)
    last = "fc3"

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()

    def forward(self, x):
        return self.fc3(self.relu2(self.fc2(self.relu1(self.fc1(x)))))


class Cnn(nn.Module):
    classes = 10
    shape = (1, 28, 28)
    last = "fc"

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(1568, 10)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        return self.fc(self.flatten(self.pool2(self.relu2(self.conv2(x)))))


class Block(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.shortcut = nn.Sequential()
        if stride != 1 or inner != outer:
            self.shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 as it is used on images of 32 x 32: the first convolution is 3 x 3 and nothing is pooled before the blocks."""

    classes = 10
    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        stages = [
            nn.Sequential(Block(widths[i], widths[i + 1], 1 if i == 0 else 2), Block(widths[i + 1], widths[i + 1], 1)) for i in range(4)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))

    @staticmethod
    def sample(count):
        return torch.randn(count, 3, 32, 32)


class Encoder(nn.Module):
    """Token and position embeddings, a transformer encoder, the mean over the tokens."""

    classes = 4

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, self.width)
        self.positions = nn.Parameter(0.02 * torch.randn(self.length, self.width))
        layer = nn.TransformerEncoderLayer(self.width, self.heads, 4 * self.width, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, self.layers, enable_nested_tensor=False)
        self.head = nn.Linear(self.width, self.classes)

    def forward(self, x):
        return self.head(self.encoder(self.tokens(x) + self.positions).mean(1))

    @classmethod
    def sample(cls, count):
        return torch.randint(0, TOKENS, (count, cls.length))


class Encoder4(Encoder):
    layers, width, heads, length = 4, 128, 4, 64


class Encoder6(Encoder):
    layers, width, heads, length = 6, 256, 4, 128


class Lstm(nn.Module):
    classes = 4

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, 64)
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        self.head = nn.Linear(128, self.classes)

    def forward(self, x):
        return self.head(self.lstm(self.tokens(x))[0][:, -1])

    @staticmethod
    def sample(count):
        return torch.randint(0, TOKENS, (count, 50))


MODELS = {"mlp": Mlp, "cnn": Cnn, "resnet18": ResNet18, "encoder4": Encoder4, "encoder6": Encoder6, "lstm": Lstm}
