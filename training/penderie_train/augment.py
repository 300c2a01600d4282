"""Augmentation of whole batches with torch: f32 (N, 3, S, S) in 0..1. It aims at photos by people never seen: any
turn, odd frames, busy backgrounds, children's proportions, poor light, small and badly compressed pictures."""
import math

import torch
import torch.nn.functional as F
from torchvision.io import decode_jpeg, encode_jpeg


def uniform(n, lo, hi):
    return torch.rand(n) * (hi - lo) + lo


def chance(n, p):
    return torch.rand(n) < p


def warp_matrix(n, zoom, turn, quarter, stretch, shift, perspective):
    """(n, 3, 3) output -> input in -1..1. zoom: (lo, hi) share of the input's side that is seen."""
    angle = torch.randn(n).clamp(-2.5, 2.5) * math.radians(turn)
    angle = angle + chance(n, quarter) * torch.randint(1, 4, (n,)) * (math.pi / 2)
    z = uniform(n, *zoom)
    s = torch.exp(torch.randn(n).clamp(-2.5, 2.5) * stretch)
    flip = 1 - 2.0 * chance(n, 0.5)
    cos, sin = torch.cos(angle), torch.sin(angle)
    m = torch.zeros(n, 3, 3)
    m[:, 0, 0], m[:, 0, 1] = z * s * cos * flip, -z * s * sin
    m[:, 1, 0], m[:, 1, 1] = z / s * sin * flip, z / s * cos
    free = (1 - z).abs() * shift + 0.03
    m[:, 0, 2], m[:, 1, 2] = uniform(n, -1, 1) * free, uniform(n, -1, 1) * free
    m[:, 2, 0], m[:, 2, 1] = torch.randn(n) * perspective, torch.randn(n) * perspective
    m[:, 2, 2] = 1
    return m


def warp(pictures, matrix, side, padding):
    line = (torch.arange(side) * 2 + 1) / side - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3) @ matrix.transpose(1, 2)
    grid = (points[..., :2] / points[..., 2:].clamp_min(0.3)).view(len(matrix), side, side, 2)
    return F.grid_sample(pictures, grid, padding_mode=padding, align_corners=False)


def light(x, strength):
    """Uneven light and soft folds: a smooth field multiplied in."""
    n, _, s, _ = x.shape
    field = torch.randn(n, 1, 4, 4) * strength * torch.rand(n, 1, 1, 1)
    fold = torch.randn(n, 1, 10, 10) * strength * 0.5 * torch.rand(n, 1, 1, 1)
    both = sum(F.interpolate(f, size=(s, s), mode="bicubic", align_corners=False) for f in (field, fold))
    return x * torch.exp(both)


def colour_jitter(x, strength, tint):
    n = len(x)
    one = lambda s: torch.exp(torch.randn(n, 1, 1, 1).clamp(-2, 2) * s)
    x = x * one(strength) * torch.exp(torch.randn(n, 3, 1, 1).clamp(-2, 2) * tint)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * one(strength) + mean
    grey = x.mean(1, keepdim=True)
    return ((x - grey) * one(strength) + grey).clamp(0, 1)


def lower_resolution(x, share, smallest):
    hit = chance(len(x), share).nonzero()[:, 0]
    for part in hit.chunk(3):
        if len(part):
            small = int(uniform(1, smallest, x.shape[-1] * 0.8))
            y = F.interpolate(x[part], size=(small, small), mode="area")
            x[part] = F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return x


def jpeg(x, share):
    for i in chance(len(x), share).nonzero()[:, 0]:
        data = encode_jpeg((x[i] * 255).to(torch.uint8), int(uniform(1, 20, 85)))
        x[i] = decode_jpeg(data).float() / 255
    return x


def erase(x, share):
    side = x.shape[-1]
    for i in chance(len(x), share).nonzero()[:, 0]:
        h, w = (int(v) for v in uniform(2, 0.1, 0.4) * side)
        top, left = int(torch.rand(1) * (side - h)), int(torch.rand(1) * (side - w))
        x[i, :, top:top + h, left:left + w] = torch.rand(3, 1, 1) + torch.randn(3, h, w) * 0.1 * torch.rand(1)
    return x.clamp_(0, 1)


def backgrounds(photos, n, side):
    """Corners of photos, enlarged: mostly floor, bed, wall, carpet. The picture itself is what a shopper's room looks like."""
    source = photos[torch.randint(len(photos), (n,))]
    z = uniform(n, 0.12, 0.3)
    m = torch.zeros(n, 3, 3)
    m[:, 0, 0], m[:, 1, 1], m[:, 2, 2] = z, z, 1
    m[:, 0, 2] = (1 - z) * (1 - 2.0 * chance(n, 0.5))
    m[:, 1, 2] = (1 - z) * (1 - 2.0 * chance(n, 0.5))
    return warp(source, m, side, "reflection")


def product_views(pictures, masks, photos, side, cut_share):
    """Catalogue pictures: a share of them cut out and laid on a background at any angle, the others moved a little."""
    n = len(pictures)
    cut = int(n * cut_share)
    plain = warp(pictures[cut:], warp_matrix(n - cut, (0.75, 1.2), 6, 0.03, 0.06, 0.5, 0.02), side, "border")
    plain = colour_jitter(plain, 0.08, 0.02)
    both = torch.cat([pictures[:cut], masks[:cut]], 1)
    both = warp(both, warp_matrix(cut, (0.8, 1.7), 15, 0.25, 0.14, 0.8, 0.07), side, "zeros")
    alpha = both[:, 3:].clamp(0, 1)
    laid = light(both[:, :3], 0.25) * alpha + colour_jitter(backgrounds(photos, cut, side), 0.2, 0.08) * (1 - alpha)
    laid = light(colour_jitter(laid.clamp(0, 1), 0.15, 0.05), 0.12)
    return finish(torch.cat([laid, plain]), 0.2)


def photo_views(pictures, side, hard=True):
    """Photos as other people would have taken them; not hard: moved and lit a little."""
    n = len(pictures)
    m = warp_matrix(n, (0.55, 1.12), 14, 0.22, 0.13, 0.9, 0.07) if hard else \
        warp_matrix(n, (0.8, 1.1), 6, 0.08, 0.05, 0.6, 0.02)
    x = warp(pictures, m, side, "border")
    return finish(light(colour_jitter(x, 0.22, 0.08), 0.15).clamp(0, 1), 0.3)


def mixed(pictures):
    """Each picture with a part of another: either laid over it evenly (mixup, Zhang et al. 2018) or in a rectangle
    (CutMix, Yun et al. 2019) -> pictures, number of the other, share of the first."""
    n, side = len(pictures), pictures.shape[-1]
    other = torch.arange(n).roll(1)
    share = torch.distributions.Beta(0.8, 0.8).sample((n,))
    out = pictures * share.view(n, 1, 1, 1) + pictures[other] * (1 - share).view(n, 1, 1, 1)
    for i in chance(n, 0.6).nonzero()[:, 0]:
        width = max(1, int(side * math.sqrt(1 - share[i])))
        top, left = (int(v) for v in torch.randint(side - width + 1, (2,)))
        out[i] = pictures[i]
        out[i, :, top:top + width, left:left + width] = pictures[other[i], :, top:top + width, left:left + width]
        share[i] = 1 - (width / side) ** 2
    return out, other, share


def finish(x, share):
    return erase(jpeg(lower_resolution(x.clamp(0, 1), share, 36), share), share * 0.7)
