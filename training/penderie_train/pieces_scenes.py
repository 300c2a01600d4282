"""Scenes for the piece detector: catalogue products cut out by their masks and laid or worn on backgrounds, with the box of
what stays visible of each. 1 to 6 pieces, more than 40 % of the scenes of several with overlaps. Deterministic from a seed."""
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import labels
from .data import background
from .negatives import DRAWN
from .progress import Progress
from .resize import letterbox
from .settings import PRODUCT_SIDE, SIDE, WORK

MOST = 6  # pieces in a scene
VISIBLE = 0.42  # of a piece's area at least, or it is laid elsewhere
SMALLEST = 20  # pixels, the longest side of a box
LEFT_OUT = {"beauty", "set", "jewellery-set", "other", "ring", "cufflinks"}  # not one piece, or too small for an outfit

# Longest side as a share of the picture, in an outfit of some four pieces.
LENGTHS = {
    "long": (0.42, 0.72, {"trousers", "jeans", "joggers", "leggings", "dress", "tunic", "saree", "nightwear", "jumpsuit"}),
    "small": (0.14, 0.26, {"watch", "bracelet", "earrings", "sunglasses", "necklace", "wallet", "gloves"}),
    "shoes": (0.2, 0.36, {"casual-shoes", "sports-shoes", "formal-shoes", "heels", "flats", "sandals", "flip-flops", "socks", "hat",
                          "clutch", "belt", "tie", "briefs", "bra", "scarf"}),
    "usual": (0.33, 0.58, set()),
}
WORN = {  # where on a person: centre of the box, longest side
    "top": (0.36, 0.36, {"t-shirt", "shirt", "top", "sweatshirt", "sweater", "jacket", "blazer", "waistcoat", "undershirt", "longsleeve"}),
    "bottom": (0.68, 0.42, {"trousers", "jeans", "joggers", "leggings", "shorts", "skirt"}),
    "whole": (0.48, 0.62, {"dress", "tunic", "jumpsuit", "saree"}),
    "feet": (0.93, 0.17, {"casual-shoes", "sports-shoes", "formal-shoes", "heels", "flats", "sandals", "flip-flops"}),
}


def length_of(category):
    return next((lo, hi) for lo, hi, some in LENGTHS.values() if category in some or not some)


def closed(mask):
    """Gaps that a white garment leaves in its own outline are closed, then holes filled. (N, S, S) bool."""
    import torch
    import torch.nn.functional as F
    x = torch.from_numpy(mask).float()[:, None]
    grown = F.max_pool2d(x, 5, 1, 2)
    shut = (1 - F.max_pool2d(1 - grown, 5, 1, 2))[:, 0].numpy() > 0.5
    return ~background(~(shut | mask))


class Cutouts:
    """Products with a trustworthy mask, of one side of the split; at most `most` of them, rare kinds first."""

    def __init__(self, held_out, most=9000):
        masks = np.load(WORK / "products-mask.npy", mmap_mode="r")
        self.pictures = np.load(WORK / "products.npy", mmap_mode="r")
        rows = labels.products()
        home = labels.category_of_article()
        keep = np.array([i for i, r in enumerate(rows)
                         if labels.held_out_product(r) == held_out and home[r["articleType"]] not in LEFT_OUT])
        weight = self.balance(np.array([home[rows[i]["articleType"]] for i in keep]))
        keep = np.sort(np.random.default_rng(0).choice(keep, min(most, len(keep)), replace=False, p=weight))
        index, kept = [], []
        for start in range(0, len(keep), 500):
            part = keep[start:start + 500]
            mask = np.asarray(masks[part])
            edge = (PRODUCT_SIDE - 60) // 2
            framed = mask[:, 0, edge] & mask[:, 0, -edge - 1]  # the picture's own background is not white
            fine = (mask.mean((1, 2)) > 0.04) & (mask.mean((1, 2)) < 0.55) & ~framed
            index.append(part[fine])
            kept.append(np.packbits(closed(mask[fine]), axis=2))
        self.index, self.masks = np.concatenate(index), np.concatenate(kept)
        self.category = np.array([home[rows[i]["articleType"]] for i in self.index])
        self.weight = self.balance(self.category)
        self.of = {k: np.flatnonzero(np.isin(self.category, list(v[2]))) for k, v in WORN.items()}

    @staticmethod
    def balance(categories):
        """Watches must not outnumber coats."""
        _, inverse, count = np.unique(categories, return_inverse=True, return_counts=True)
        weight = count[inverse] ** -0.6
        return weight / weight.sum()

    def draw(self, rng, place=None):
        if place:
            some = self.of[place]
            return int(rng.choice(some, p=self.weight[some] / self.weight[some].sum()))
        return int(rng.choice(len(self.index), p=self.weight))

    def rgba(self, k):
        mask = np.unpackbits(self.masks[k], axis=1).astype(np.uint8) * 255
        rgba = np.concatenate([np.asarray(self.pictures[self.index[k]]), mask[..., None]], 2)
        y, x = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        return rgba[max(0, y[0] - 1):y[-1] + 2, max(0, x[0] - 1):x[-1] + 2]


def field(rng, h, w, cells, strength):
    """Smooth uneven light, (h, w, 1) f32 around 1."""
    small = np.exp(rng.standard_normal((cells, cells)) * strength).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.BILINEAR))[..., None]


def tinted(rng, rgb, strength, tint):
    gain = np.exp(rng.normal(0, strength) + rng.normal(0, tint, 3)).astype(np.float32)
    mean = rgb.mean()
    return (rgb * gain - mean) * np.float32(np.exp(rng.normal(0, strength))) + mean


def room(rng, photos, w, h):
    """-> (h, w, 3) f32 0..255: corners of photos, plain and drawn grounds."""
    kind = rng.random()
    if kind < 0.62:
        photo = photos[rng.integers(len(photos))]
        side = photo.shape[0]
        z = int(side * rng.uniform(0.14, 0.34))
        left, top = rng.choice([0, side - z]), rng.choice([0, side - z])
        part = np.asarray(photo[top:top + z, left:left + z])
        if rng.random() < 0.5:  # mirrored four times: larger without being blurred as much
            part = np.concatenate([part, part[:, ::-1]], 1)
            part = np.concatenate([part, part[::-1]], 0)
        ground = np.asarray(Image.fromarray(part).resize((w, h), Image.BICUBIC)).astype(np.float32)
    elif kind < 0.85:
        tone = rng.uniform(150, 255, 3) if rng.random() < 0.3 else np.full(3, rng.choice([255.0, rng.uniform(200, 255), rng.uniform(0, 255)]))
        ground = np.tile(tone.astype(np.float32), (h, w, 1)) + rng.standard_normal((h, w, 1)).astype(np.float32) * rng.uniform(0, 4)
    else:
        import torch
        torch.manual_seed(int(rng.integers(1 << 31)))
        drawn = DRAWN[4:6] + DRAWN[8:]  # landscapes and rooms
        x = drawn[rng.integers(len(drawn))](SIDE).permute(1, 2, 0).clamp(0, 1).numpy() * 255
        ground = x[:h, :w].astype(np.float32)
    return ground * field(rng, h, w, 4, 0.12)


def body(rng, w, h):
    """A crude person to hang clothes on: skin and hair, so that neither is taken for a piece."""
    draw_on = Image.new("RGBA", (w, h))
    d = ImageDraw.Draw(draw_on)
    skin = tuple(int(v) for v in np.array([235, 185, 150]) * rng.uniform(0.35, 1.05)) + (255,)
    hair = tuple(int(v) for v in rng.uniform(10, 130, 3)) + (255,)
    cx, r = w / 2 + rng.normal(0, 0.03) * w, 0.065 * h
    d.ellipse([cx - r * 1.15, 0.02 * h, cx + r * 1.15, 0.02 * h + r * 2.8], fill=hair)
    d.ellipse([cx - r * 0.85, 0.035 * h, cx + r * 0.85, 0.035 * h + r * 2.3], fill=skin)
    d.rectangle([cx - r * 0.4, 0.14 * h, cx + r * 0.4, 0.24 * h], fill=skin)
    for s in (-1, 1):
        d.line([cx + s * 0.1 * h, 0.24 * h, cx + s * 0.17 * h, 0.42 * h, cx + s * 0.16 * h, 0.58 * h], fill=skin, width=max(2, int(0.04 * h)))
        d.line([cx + s * 0.05 * h, 0.5 * h, cx + s * 0.06 * h, 0.95 * h], fill=skin, width=max(2, int(0.05 * h)))
    return np.asarray(draw_on)


def turned(rng, rgba, longest, angle):
    """Scaled, stretched a little, turned, with perspective, in one step -> RGBA u8."""
    im = Image.fromarray(rgba)
    scale = longest / max(im.size)
    if scale < 0.7:  # one step would skip pixels
        im = im.reduce(2)
        scale *= 2
    w, h = im.size
    stretch = np.exp(rng.normal(0, 0.07))
    sx, sy = scale * stretch * rng.choice([-1, 1]), scale / stretch
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    ow, oh = (max(4, int(np.ceil(v))) for v in (abs(w * sx * cos) + abs(h * sy * sin), abs(w * sx * sin) + abs(h * sy * cos)))
    px, py = rng.normal(0, 0.12, 2).clip(-0.25, 0.25) / (ow, oh) if rng.random() < 0.5 else (0, 0)
    # From a pixel of the result to one of the cut-out: turned back, scaled back; px, py make one side recede.
    a, b, d, e = cos / sx, sin / sx, -sin / sy, cos / sy
    c, f = w / 2 - a * ow / 2 - b * oh / 2, h / 2 - d * ow / 2 - e * oh / 2
    tilt = 1 - px * ow / 2 - py * oh / 2
    m = np.array([[a + w / 2 * px, b + w / 2 * py, c + w / 2 * (tilt - 1)], [d + h / 2 * px, e + h / 2 * py, f + h / 2 * (tilt - 1)],
                  [px, py, tilt]]) / tilt
    return np.asarray(im.transform((ow, oh), Image.PERSPECTIVE, m.ravel()[:8], Image.BILINEAR))


class Scene:
    def __init__(self, rng, cutouts, photos):
        self.rng, self.cutouts = rng, cutouts
        shape = rng.random()  # of the photo before it is padded to a square
        self.w, self.h = (SIDE, SIDE) if shape < 0.25 else (int(SIDE * rng.uniform(0.5, 0.95)), SIDE) if shape < 0.8 else \
            (SIDE, int(SIDE * rng.uniform(0.55, 0.95)))
        self.canvas = room(rng, photos, self.w, self.h)
        self.owner = np.full((self.h, self.w), -1, np.int8)  # which piece is seen at each pixel
        self.area, self.category = [], []

    def visible(self, owner, k):
        return (owner == k).sum() / max(1, self.area[k])

    def lay(self, k, longest, centre, angle, overlap):
        """Lays one product, if what it hides and what is left of it allow. overlap: None, or least hidden share."""
        rng = self.rng
        piece = turned(rng, self.cutouts.rgba(k), longest, angle)
        ph, pw = piece.shape[:2]
        x, y = int(centre[0] * self.w - pw / 2), int(centre[1] * self.h - ph / 2)
        x0, y0, x1, y1 = max(0, x), max(0, y), min(self.w, x + pw), min(self.h, y + ph)
        if x1 - x0 < 4 or y1 - y0 < 4:
            return False
        part = piece[y0 - y:y1 - y, x0 - x:x1 - x]
        solid = part[..., 3] > 127
        whole = (piece[..., 3] > 127).sum()
        if solid.sum() < 0.7 * whole or whole < 40:
            return False
        ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        if max(ys[-1] - ys[0], xs[-1] - xs[0]) < SMALLEST:
            return False
        before = self.owner[y0:y1, x0:x1]
        hides = (before[solid] >= 0).mean()
        if (overlap is None and hides > 0.01) or (overlap is not None and self.area and hides < overlap):
            return False
        after = self.owner.copy()
        after[y0:y1, x0:x1][solid] = len(self.area)
        if any(self.visible(after, j) < VISIBLE for j in range(len(self.area))):
            return False
        self.owner = after
        self.area.append(int(solid.sum()))
        self.category.append(self.cutouts.category[k])
        self.paint(part, x0, y0, x1, y1)
        return True

    def paint(self, part, x0, y0, x1, y1):
        rng = self.rng
        alpha = part[..., 3:].astype(np.float32) / 255
        rgb = tinted(rng, part[..., :3].astype(np.float32) * field(rng, y1 - y0, x1 - x0, 5, rng.uniform(0, 0.25)), 0.12, 0.04)
        spot = self.canvas[y0:y1, x0:x1]
        if rng.random() < 0.6:
            soft = Image.fromarray(part[..., 3]).filter(ImageFilter.GaussianBlur(rng.uniform(1, 4)))
            soft = np.roll(np.asarray(soft).astype(np.float32) / 255, rng.integers(-2, 4, 2), (0, 1))[..., None]
            spot *= 1 - soft * np.float32(rng.uniform(0.1, 0.5))
        spot *= 1 - alpha
        spot += rgb.clip(0, 255) * alpha

    def boxes(self):
        """(pieces, 4) f32: x0 y0 x1 y1 in pixels of the padded picture, around what is visible."""
        found = []
        left, top = (SIDE - self.w) // 2, (SIDE - self.h) // 2
        for k in range(len(self.area)):
            seen = self.owner == k
            ys, xs = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            found.append([xs[0] + left, ys[0] + top, xs[-1] + 1 + left, ys[-1] + 1 + top])
        return np.array(found, np.float32).reshape(-1, 4)

    def picture(self):
        """Light over all of it, poor resolution, JPEG, padding -> (SIDE, SIDE, 3) u8."""
        rng = self.rng
        x = tinted(rng, self.canvas * field(rng, self.h, self.w, 4, rng.uniform(0, 0.15)), 0.12, 0.04)
        im = Image.fromarray(x.clip(0, 255).astype(np.uint8))
        if rng.random() < 0.2:
            s = rng.uniform(0.4, 0.8)
            im = im.resize((int(self.w * s), int(self.h * s)), Image.BOX).resize((self.w, self.h), Image.BILINEAR)
        if rng.random() < 0.45:
            data = io.BytesIO()
            im.save(data, "JPEG", quality=int(rng.uniform(25, 92)))
            im = Image.open(io.BytesIO(data.getvalue()))
        return letterbox(np.asarray(im), SIDE)


def angle_of(rng):
    return rng.normal(0, 12) + (rng.integers(4) * 90 if rng.random() < 0.25 else 0)


def lay_one(scene, rng):
    for _ in range(6):
        if scene.lay(scene.cutouts.draw(rng), rng.uniform(0.45, 1.0) * SIDE * 0.95, rng.uniform(0.35, 0.65, 2), angle_of(rng), None):
            return


def lay_flat(scene, rng, count, overlapping):
    """On a floor: in rows, or on top of one another."""
    shrink = min(1.25, 2.2 / np.sqrt(count + 0.5))
    tries = 0
    while len(scene.area) < count and tries < 12 * count:
        tries += 1
        k = scene.cutouts.draw(rng)
        lo, hi = length_of(scene.cutouts.category[k])
        overlap = rng.uniform(0.04, 0.3) if overlapping and scene.area and rng.random() < 0.75 else None
        scene.lay(k, rng.uniform(lo, hi) * shrink * SIDE * rng.uniform(0.9, 1.1), rng.uniform(0.12, 0.88, 2), angle_of(rng), overlap)


def dress_person(scene, rng, count):
    """Worn: below the head a top above trousers above shoes, or a dress; then what is carried."""
    x = 0.5 + rng.normal(0, 0.04)
    if rng.random() < 0.75:
        figure = body(rng, scene.w, scene.h)
        alpha = figure[..., 3:].astype(np.float32) / 255
        scene.canvas = scene.canvas * (1 - alpha) + figure[..., :3] * alpha
    places = ["whole", "feet"] if rng.random() < 0.25 else ["bottom", "feet", "top"]
    if rng.random() < 0.25:
        places.remove("feet")
    for place in places:
        cy, longest, _ = WORN[place]
        for _ in range(4):
            if scene.lay(scene.cutouts.draw(rng, place), longest * SIDE * rng.uniform(0.85, 1.15) * scene.h / SIDE,
                         (x + rng.normal(0, 0.02), cy + rng.normal(0, 0.02)), rng.normal(0, 4), rng.choice([0.0, 0.03])):
                break
    tries = 0
    while len(scene.area) < count and tries < 20:
        tries += 1
        k = scene.cutouts.draw(rng)
        lo, hi = length_of(scene.cutouts.category[k])
        scene.lay(k, rng.uniform(lo, hi) * SIDE * 0.6, rng.uniform(0.1, 0.9, 2), angle_of(rng), 0.0)


def compose(rng, cutouts, photos):
    """-> picture (SIDE, SIDE, 3) u8, boxes (1..6, 4) f32, categories."""
    while True:
        scene = Scene(rng, cutouts, photos)
        kind = rng.random()
        count = int(rng.choice([2, 3, 4, 5, 6], p=[0.27, 0.28, 0.22, 0.13, 0.1]))
        if kind < 0.14:
            lay_one(scene, rng)
        elif kind < 0.38:
            dress_person(scene, rng, count)
        else:
            lay_flat(scene, rng, count, overlapping=kind > 0.62)
        boxes = scene.boxes()
        if len(boxes) and len(boxes) <= MOST and (boxes[:, 2:] - boxes[:, :2]).max(1).min() >= SMALLEST * 0.7:
            return scene.picture(), boxes, scene.category


def overlapping(boxes):
    """Do any two boxes share more than a twentieth of the smaller one?"""
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            w, h = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            if w > 0 and h > 0 and w * h > 0.05 * min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2])):
                return True
    return False


CHUNK = 1000
EVALUATION = 600  # scenes; products whose id ends in 7 on the rooms of senders kept apart


def write_scenes(file, cutouts, rooms, count, seed):
    """FILE.npy (count, SIDE, SIDE, 3) u8 and FILE-boxes.npy (count, MOST, 4) f32, unused rows negative."""
    pictures, all_boxes = np.empty((count, SIDE, SIDE, 3), np.uint8), np.full((count, MOST, 4), -1, np.float32)
    several = shared = 0
    for i in Progress(range(count), file.name):
        pictures[i], boxes, _ = compose(np.random.default_rng([seed, i]), cutouts, rooms)
        all_boxes[i, :len(boxes)] = boxes
        several += len(boxes) > 1
        shared += overlapping(boxes)
    np.save(file.with_name(file.name + ".npy"), pictures)
    np.save(file.with_name(file.name + "-boxes.npy"), all_boxes)  # last: it says that both are whole
    print(f"{file.name}: {count} scenes, {(all_boxes[:, :, 0] >= 0).sum()} pieces, {several} of several, {shared} with overlaps", flush=True)


def rooms_of(held_out):
    some = [i for i, r in enumerate(labels.photos()) if (labels.kept_apart(r) if held_out else labels.training_photo(r))]
    return np.load(WORK / "photos.npy", mmap_mode="r")[np.random.default_rng(1).permutation(some)[:500]]


def make(folder, chunks, count=CHUNK):
    """The scenes to evaluate on, then chunks of scenes to train on; goes on where it was stopped."""
    todo = [("scenes-eval", True, EVALUATION if count == CHUNK else count, 20261)] + [(f"scenes-{k:02d}", False, count, 100 + k) for k in range(chunks)]
    todo = [t for t in todo if not (folder / f"{t[0]}-boxes.npy").exists()]
    for held_out in sorted({t[1] for t in todo}, reverse=True):
        cutouts, rooms = Cutouts(held_out), rooms_of(held_out)
        for name, side, n, seed in todo:
            if side == held_out:
                write_scenes(folder / name, cutouts, rooms, n, seed)
