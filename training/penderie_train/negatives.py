"""Pictures without a garment: corners of rooms, plain colours, noise, and simple drawn landscapes, faces and rooms."""
import torch
import torch.nn.functional as F

from .augment import backgrounds, chance, light, uniform


def smooth(n, cells, side, bands=3):
    return F.interpolate(torch.rand(n, bands, cells, cells), size=(side, side), mode="bicubic", align_corners=False)


def grid(side):
    line = (torch.arange(side) + 0.5) / side
    return torch.meshgrid(line, line, indexing="ij")


def plain(side):
    tone = torch.rand(3, 1, 1) if torch.rand(1) < 0.6 else torch.rand(1, 1, 1).round().expand(3, 1, 1)
    return tone + torch.randn(3, side, side) * 0.05 * torch.rand(1)


def noise(side):
    cells = int(2 ** uniform(1, 1, 7.3))
    return smooth(1, min(cells, side), side)[0] if torch.rand(1) < 0.6 else torch.rand(3, side, side)


def gradient(side):
    y, x = grid(side)
    a, b = torch.rand(3, 1, 1), torch.rand(3, 1, 1)
    t = (x * torch.rand(1) + y * torch.rand(1)).clamp(0, 1)
    return a * (1 - t) + b * t


def stripes(side):
    y, x = grid(side)
    wave = torch.sin((x * torch.randn(1) + y * torch.randn(1)) * uniform(1, 10, 90))
    on = (wave > 0).float() if torch.rand(1) < 0.5 else wave * 0.5 + 0.5
    return torch.rand(3, 1, 1) * on + torch.rand(3, 1, 1) * (1 - on)


def landscape(side):
    y, x = grid(side)
    picture = torch.tensor([0.5, 0.7, 0.95]).view(3, 1, 1) * uniform(1, 0.5, 1.1) + (y - 0.3) * 0.3
    picture = picture + smooth(1, 6, side, 1)[0] * 0.2
    for k in range(int(uniform(1, 1, 5))):
        line = uniform(1, 0.3, 0.8) + sum(torch.randn(1) * 0.06 / f * torch.sin(x * 6.3 * f + uniform(1, 0, 6)) for f in (1, 2, 5, 11))
        tone = torch.tensor([0.25, 0.4, 0.2]).view(3, 1, 1) * uniform(1, 0.4, 1.6) + torch.randn(3, 1, 1) * 0.1
        ground = tone + (smooth(1, 40, side, 1)[0] - 0.5) * 0.3
        picture = torch.where(y > line, ground, picture)
    return picture


def ellipse(side, cx, cy, rx, ry):
    y, x = grid(side)
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1


def face(side):
    picture = smooth(1, 5, side)[0] * 0.6 + 0.2
    skin = torch.tensor([0.9, 0.7, 0.58]).view(3, 1, 1) * uniform(1, 0.35, 1.05)
    hair = torch.rand(3, 1, 1) * 0.4
    cx, cy, r = uniform(1, 0.4, 0.6), uniform(1, 0.4, 0.55), uniform(1, 0.25, 0.42)
    picture = torch.where(ellipse(side, cx, cy - r * 0.25, r * 0.95, r * 1.25), hair, picture)
    picture = torch.where(ellipse(side, cx, cy, r * 0.75, r), skin, picture)
    for sign in (-1, 1):
        picture = torch.where(ellipse(side, cx + sign * r * 0.3, cy - r * 0.12, r * 0.14, r * 0.07), torch.ones(3, 1, 1) * 0.95, picture)
        picture = torch.where(ellipse(side, cx + sign * r * 0.3, cy - r * 0.12, r * 0.06, r * 0.06), torch.rand(3, 1, 1) * 0.3, picture)
    picture = torch.where(ellipse(side, cx, cy + r * 0.45, r * 0.28, r * 0.07), skin * torch.tensor([0.9, 0.5, 0.5]).view(3, 1, 1), picture)
    return light(picture[None], 0.25)[0]


def room(side):
    y, x = grid(side)
    picture = torch.where(y > uniform(1, 0.5, 0.8), torch.rand(3, 1, 1), torch.rand(3, 1, 1) * 0.4 + 0.5)
    for _ in range(int(uniform(1, 2, 9))):
        a, b = torch.rand(2) * 0.8, torch.rand(2) * 0.4 + 0.05
        inside = (x > a[0]) & (x < a[0] + b[0]) & (y > a[1]) & (y < a[1] + b[1])
        if torch.rand(1) < 0.3:
            inside = ellipse(side, a[0], a[1], b[0], b[1])
        picture = torch.where(inside, torch.rand(3, 1, 1) + (smooth(1, 8, side, 1)[0] - 0.5) * 0.2, picture)
    return picture


DRAWN = [plain, noise, gradient, stripes, landscape, landscape, face, face, room, room]


def negatives(photos, n, side, from_photos=0.5):
    x = backgrounds(photos, n, side)
    for i in chance(n, 1 - from_photos).nonzero()[:, 0]:
        x[i] = DRAWN[int(torch.randint(len(DRAWN), (1,)))](side)
    return light(x.clamp(0, 1), 0.1).clamp(0, 1)
