"""Step 3c: the piece detector, a small head on three maps of the locked backbone. It learns from composed scenes, whose boxes
are known, from photos of one garment, of which only the number of pieces is known, and from pictures without any.

    python -m penderie_train.pieces scenes      pictures, once: they do not depend on the backbone
    python -m penderie_train.pieces features    the backbone's maps of all of them
    python -m penderie_train.pieces train       the head -> pieces.pt, which export takes along
    python -m penderie_train.pieces evaluate    AP50 on scenes of unseen products, exactly one piece on photos of one garment
    python -m penderie_train.pieces all         the four, one after the other; each leaves out what is there
"""
import argparse
import hashlib
import io
import json
import math
import time
import zipfile
from pathlib import Path

import numpy as np
import openvino as ov
import timm
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn

from . import augment, labels, pieces_scenes
from .calibrate import exact, validation_photo
from .features import enlarged
from .model import ImageTower
from .negatives import negatives
from .pieces_decode import boxes_of_cells, decode, iou
from .progress import Metrics, Progress, clock
from .resize import fit_size
from .settings import DATA, SIDE, WORK

STRIDE = 8
GRID = SIDE // STRIDE
TAPS = {2: (40, GRID), 4: (112, GRID // 2), 6: (320, GRID // 4)}  # stages of the backbone: bands, side of the map
WIDTH = 64
NMS = 0.5
MOST = pieces_scenes.MOST
FOLDER = WORK / "pieces"


def maps_and_features(backbone, x):
    """What backbone(x) gives, and the maps that the head reads, in one pass."""
    x = backbone.bn1(backbone.conv_stem(x))
    maps = []
    for i, stage in enumerate(backbone.blocks):
        x = stage(x)
        if i in TAPS:
            maps.append(x)
    return maps, backbone.forward_head(backbone.bn2(backbone.conv_head(x)))


class Block(nn.Sequential):
    """5 x 5 within each band, then across bands, added to what came in."""

    def __init__(self, width):
        super().__init__(nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                         nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.relu(x + super().forward(x))


class PieceHead(nn.Module):
    """Maps -> score (N, cells) as logits, and box (N, 4 x cells): from a cell's centre to left, top, right and bottom, in pixels."""

    def __init__(self, width=WIDTH):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Sequential(nn.Conv2d(bands, width, 1, bias=False), nn.BatchNorm2d(width)) for bands, _ in TAPS.values())
        self.coarse, self.middle = nn.Sequential(Block(width), Block(width)), Block(width)
        self.fine = nn.Sequential(Block(width), Block(width), Block(width))
        self.score, self.box = nn.Conv2d(width, 1, 1), nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.score.bias, -4.0)
        nn.init.zeros_(self.box.weight)
        nn.init.constant_(self.box.bias, math.log(30 / STRIDE))

    def forward(self, maps):
        near, mid, far = (lateral(m) for lateral, m in zip(self.lateral, maps))
        far = self.coarse(F.relu(far))
        mid = self.middle(F.relu(mid + F.interpolate(far, scale_factor=2.0, mode="nearest")))
        x = self.fine(F.relu(near + F.interpolate(mid, scale_factor=2.0, mode="nearest")))
        return self.score(x).flatten(1), STRIDE * torch.exp(self.box(x).clamp(-4.0, 3.2)).flatten(1)


# ---- pictures and what the backbone makes of them ----

def photo_pictures(keep):
    rows = [(i, r) for i, r in enumerate(labels.photos()) if keep(r) and r["label"] not in labels.UNLABELLED]
    return [i for i, _ in rows], [r["image"] for _, r in rows]


def prepare(folder, chunks, count):
    """Photos and pictures of nothing as arrays of bytes; then the scenes, as many chunks as wanted."""
    torch.manual_seed(5)
    np.random.seed(5)
    store = np.load(WORK / "photos.npy", mmap_mode="r")
    as_float = lambda a: torch.from_numpy(np.ascontiguousarray(a)).permute(0, 3, 1, 2).float() / 255
    as_bytes = lambda x: (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    index, _ = photo_pictures(labels.training_photo)
    views = {"photos-00": lambda part: enlarged(store[part]),
             "photos-01": lambda part: as_bytes(augment.photo_views(as_float(store[part]), SIDE))}
    for name, view in views.items():
        if not (folder / f"{name}.npy").exists():
            some = index[:count]
            np.save(folder / f"{name}.npy", np.concatenate([view(some[i:i + 64]) for i in Progress(range(0, len(some), 64), name)]))
    if not (folder / "nothing-00.npy").exists():
        some = np.random.choice(index, 300)
        np.save(folder / "nothing-00.npy", np.concatenate([as_bytes(negatives(as_float(store[some]), 64, SIDE)) for _ in range(min(24, count // 8 + 1))]))
    for name, keep in (("photos-fit", validation_photo), ("photos-eval", labels.kept_apart)):
        if not (folder / f"{name}.npy").exists():
            with zipfile.ZipFile(DATA / "photos.zip") as archive:
                np.save(folder / f"{name}.npy", exact(archive, "photos", photo_pictures(keep)[1][:count]))
    pieces_scenes.make(folder, chunks, count)


def backbone_of(checkpoint):
    tower = ImageTower(timm.create_model("tf_efficientnet_lite0", num_classes=0))
    tower.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"])
    return tower.eval().backbone


def digest(backbone):
    """Of the weights: a head fits one backbone only."""
    h = hashlib.sha256()
    for k, v in sorted(backbone.state_dict().items()):
        if v.dtype.is_floating_point:
            h.update(k.encode() + v.contiguous().numpy().tobytes())
    return h.hexdigest()[:16]


class Maps(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x):
        maps, _ = maps_and_features(self.backbone, x)
        return torch.cat([m.flatten(1) for m in maps], 1)


def features(folder, backbone):
    """For each array of pictures one of maps, f16, in a folder named after the backbone."""
    out = folder / f"maps-{digest(backbone)}"
    out.mkdir(exist_ok=True)
    todo = [f for f in sorted(folder.glob("*.npy")) if not f.stem.endswith("-boxes") and not (out / f.name).exists()
            and (not f.stem.startswith("scenes") or f.with_name(f.stem + "-boxes.npy").exists())]
    if not todo:
        return out
    model = ov.convert_model(Maps(backbone), example_input=torch.zeros(2, 3, SIDE, SIDE), input=[-1, 3, SIDE, SIDE])
    run = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": torch.get_num_threads()})
    for f in todo:
        pictures = np.load(f, mmap_mode="r")
        found = np.empty((len(pictures), sum(b * s * s for b, s in TAPS.values())), np.float16)
        for i in Progress(range(0, len(pictures), 32), f.stem):
            x = pictures[i:i + 32].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
            found[i:i + 32] = run(np.ascontiguousarray(x))[0]
        part = out / f"{f.stem}.part"
        with open(part, "wb") as file:
            np.save(file, found)
        part.rename(out / f.name)  # whole or not there
    return out


def unpacked(flat):
    """(N, all values) f16 -> the three maps, f32"""
    maps, at = [], 0
    for bands, side in TAPS.values():
        maps.append(torch.from_numpy(flat[:, at:at + bands * side * side].astype(np.float32)).view(-1, bands, side, side))
        at += bands * side * side
    return maps


def photo_boxes(folder, answers):
    """photos-00-boxes.npy from what `penderie label --json` says of the training photos, where the background is plain enough."""
    index, keys = photo_pictures(labels.training_photo)
    said = {}
    for line in open(answers, encoding="utf-8"):
        a = json.loads(line)
        if a.get("plain", 0) >= 0.75 and len(a["pieces"]) == 1:
            said[Path(a["path"]).stem] = a["pieces"][0]["box"]
    boxes = np.full((len(index), 4), -1, np.float32)
    with zipfile.ZipFile(DATA / "photos.zip") as archive:
        for i, key in enumerate(keys):
            if key not in said:
                continue
            w, h = ImageOps.exif_transpose(Image.open(io.BytesIO(archive.read(f"photos/{key}.jpg")))).size
            dw, dh = fit_size(w, h, SIDE)
            x, y, bw, bh = said[key]
            left, top = (SIDE - dw) // 2, (SIDE - dh) // 2
            boxes[i] = left + x * dw, top + y * dh, left + (x + bw) * dw, top + (y + bh) * dh
    np.save(folder / "photos-00-boxes.npy", boxes)
    print(f"{(boxes[:, 0] >= 0).sum()} of {len(boxes)} training photos have a box")


# ---- training ----

CENTRES = (torch.arange(GRID) + 0.5) * STRIDE
CELL_Y, CELL_X = (v.reshape(-1) for v in torch.meshgrid(CENTRES, CENTRES, indexing="ij"))


def heat_of(boxes):
    """(B, M, 4) boxes, negative where unused -> heat (B, cells) 0..1, 1 in the cell of each centre, and whose it is (B, cells)."""
    used = boxes[..., 0] >= 0
    cx, cy = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    sx = ((boxes[..., 2] - boxes[..., 0]) * 0.13).clamp_min(3.5)
    sy = ((boxes[..., 3] - boxes[..., 1]) * 0.13).clamp_min(3.5)
    heat = torch.exp(-(((CELL_X - cx[..., None]) / sx[..., None]) ** 2 + ((CELL_Y - cy[..., None]) / sy[..., None]) ** 2) / 2)
    middle = ((CELL_X - cx[..., None]).abs() <= STRIDE / 2) & ((CELL_Y - cy[..., None]).abs() <= STRIDE / 2)
    heat = torch.where(middle, 1.0, heat) * used[..., None]
    return heat.max(1)


def focal(logits, heat, counted=None):
    """Penalty-reduced focal loss of CenterNet (Zhou 2019), summed."""
    p, hit = logits.sigmoid().clamp(1e-5, 1 - 1e-5), heat > 0.999
    loss = torch.where(hit, -(1 - p) ** 2 * p.log(), -(1 - heat) ** 4 * p ** 2 * (1 - p).log())
    return (loss if counted is None else loss * counted).sum()


def corners(distance):
    """(B, 4 x cells) -> (B, cells, 4) corners in pixels"""
    d = distance.view(len(distance), 4, -1)
    return torch.stack([CELL_X - d[:, 0], CELL_Y - d[:, 1], CELL_X + d[:, 2], CELL_Y + d[:, 3]], 2)


def overlap(a, b):
    """IoU and generalised IoU of matching boxes (..., 4)."""
    area = lambda q: (q[..., 2] - q[..., 0]).clamp_min(0) * (q[..., 3] - q[..., 1]).clamp_min(0)
    inner = area(torch.cat([torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])], -1))
    outer = area(torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], -1))
    union = (area(a) + area(b) - inner).clamp_min(1e-6)
    return inner / union, inner / union - (outer - union) / outer.clamp_min(1e-6)


def scene_loss(score, distance, boxes):
    heat, owner = heat_of(boxes)
    count = (boxes[..., 0] >= 0).sum().clamp_min(1)
    loss = focal(score, heat) / count
    near = heat > 0.3
    if near.any():
        truth = boxes.gather(1, owner[..., None].expand(-1, -1, 4))[near]
        _, g = overlap(corners(distance)[near], truth)
        loss = loss + 1.5 * ((1 - g) * heat[near]).sum() / heat[near].sum()
    return loss


def boxed_loss(score, distance, boxes):
    """Photos of one garment on an even background, where the program's mask tells its box."""
    known = boxes[:, 0] >= 0
    if not known.any():
        return score.sum() * 0
    return scene_loss(score[known], distance[known], boxes[known][:, None])


def single_loss(score, distance):
    """Photos of one garment: the best cell, a little preferring large boxes, is right; cells whose box is another one are wrong."""
    with torch.no_grad():
        boxes = corners(distance).clamp(0, SIDE)
        area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]) / SIDE ** 2
        best = (score.sigmoid() * area.clamp_min(1e-4) ** 0.4).argmax(1)
        mine = boxes[torch.arange(len(boxes)), best][:, None]
        heat, _ = heat_of(mine)
        heat[torch.arange(len(boxes)), best] = 1
        same, _ = overlap(boxes, mine.expand_as(boxes))
        counted = (torch.where(heat > 0.999, 1.0, (same < 0.5).float()))
    return focal(score, heat, counted) / len(score)


class Samples:
    """Maps of scenes, single garments and nothing, drawn in fixed shares."""

    def __init__(self, folder, maps):
        self.folder, self.maps = folder, maps
        self.refresh()

    def refresh(self):
        """What is there now: maps may still be in the making."""
        load = lambda prefix: [np.load(f, mmap_mode="r") for f in sorted(self.maps.glob(f"{prefix}-[0-9]*.npy"))]
        self.boxes = [torch.from_numpy(np.load(self.folder / f"{f.stem}-boxes.npy")) for f in sorted(self.maps.glob("scenes-[0-9]*.npy"))]
        self.parts = {p: load(p) for p in ("scenes", "photos", "nothing")}
        self.parts["scenes"] = self.parts["scenes"][:len(self.boxes)]
        self.photo_boxes = [torch.from_numpy(np.load(f)) if f.exists() else torch.full((len(a), 4), -1.0)
                            for a, f in ((a, self.folder / f"{Path(a.filename).stem}-boxes.npy") for a in self.parts["photos"])]
        self.count = sum(len(a) for a in self.parts["scenes"])

    def batch(self, generator, scenes, photos, nothing):
        found = []
        for name, n in (("scenes", scenes), ("photos", photos), ("nothing", nothing)):
            if not self.parts[name]:
                found.append(np.empty((0, sum(b * s * s for b, s in TAPS.values())), np.float16))
                continue
            k = int(generator.integers(len(self.parts[name])))
            rows = np.sort(generator.choice(len(self.parts[name][k]), min(n, len(self.parts[name][k])), replace=False))
            found.append(self.parts[name][k][rows])
            if name == "scenes":
                boxes = self.boxes[k][rows]
            if name == "photos":
                one = self.photo_boxes[k][rows]
        return [len(f) for f in found], unpacked(np.concatenate(found)), boxes, one


def train(folder, backbone, o):
    torch.manual_seed(o.seed)
    generator = np.random.default_rng(o.seed)
    samples = Samples(folder, features(folder, backbone))
    head = PieceHead()
    if o.start:
        head.load_state_dict(torch.load(o.start, weights_only=True)["head"])
    averaged = PieceHead()
    averaged.load_state_dict(head.state_dict())
    optimizer = torch.optim.AdamW(head.parameters(), lr=o.rate, weight_decay=0.02)
    metrics, start, step, shown = Metrics("pieces"), time.time(), 0, time.time()
    sums, steps, done = np.zeros(3), 0, 0.0
    print(f"{samples.count} scenes; {sum(p.numel() for p in head.parameters())} weights", flush=True)
    while done < 1:
        done = step / o.steps if o.steps else (time.time() - start) / (60 * o.minutes)
        for g in optimizer.param_groups:
            g["lr"] = o.rate * min(1, (step + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * min(1, done))) + 1e-6
        (n, m, _), maps, boxes, one = samples.batch(generator, o.scenes, o.photos, o.nothing)
        maps = [F.dropout2d(v, 0.05).contiguous(memory_format=torch.channels_last) for v in maps]
        score, distance = head(maps)
        parts = [scene_loss(score[:n], distance[:n], boxes)]
        # Before the head knows what a piece is, its best cell says nothing.
        parts.append(single_loss(score[n:n + m], distance[n:n + m]) if m and (o.start or done > 0.15) else score.sum() * 0)
        if m:
            parts[0] = parts[0] + 0.3 * boxed_loss(score[n:n + m], distance[n:n + m], one)
        parts.append(focal(score[n + m:], torch.zeros_like(score[n + m:])) / 8)
        optimizer.zero_grad(set_to_none=True)
        (parts[0] + o.single_weight * parts[1] + 0.3 * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            keep = min(0.99, (1 + step) / (10 + step))
            for a, b in zip(averaged.state_dict().values(), head.state_dict().values()):
                a.lerp_(b, 1 - keep) if a.dtype.is_floating_point else a.copy_(b)
        sums, steps = sums + [float(p.detach()) for p in parts], steps + 1
        if time.time() - shown > 30:
            mean = dict(zip(("scenes", "single", "nothing"), (sums / steps).round(3).tolist()))
            left = (time.time() - start) / max(done, 1e-6) * (1 - done)
            metrics.log(step, **mean)
            print(f"step {step}: {mean}, {(time.time() - shown) / steps:.2f} s a step, {clock(left)} left", flush=True)
            sums, steps, shown = np.zeros(3), 0, time.time()
            samples.refresh()
    averaged.eval()
    state = {"head": averaged.state_dict(), "backbone": digest(backbone)}
    state["threshold"] = fit_threshold(averaged, folder, backbone)
    torch.save(state, o.out)
    print(f"{o.out}: threshold {state['threshold']}, {step} steps", flush=True)


# ---- figures ----

@torch.no_grad()
def run(head, maps_file):
    flat = np.load(maps_file, mmap_mode="r")
    found = [head(unpacked(flat[i:i + 64])) for i in range(0, len(flat), 64)]
    return [np.concatenate([f[k].sigmoid().numpy() if k == 0 else f[k].numpy() for f in found]) for k in (0, 1)]


def whole(distance, n=GRID):
    return boxes_of_cells(distance, n, STRIDE, (0, 0, SIDE, SIDE))


def average_precision(all_found, all_truth, least=0.5):
    """All-point AP at an IoU of `least`. all_found: for each picture [(box, score)], all_truth: [(M, 4)]."""
    ranked = sorted(((s, i, b) for i, found in enumerate(all_found) for b, s in found), key=lambda t: -t[0])
    taken = [np.zeros(len(t), bool) for t in all_truth]
    hits = np.zeros(len(ranked))
    for k, (_, i, box) in enumerate(ranked):
        overlaps = [0 if taken[i][j] else iou(box, t) for j, t in enumerate(all_truth[i])]
        if overlaps and max(overlaps) >= least:
            hits[k] = 1
            taken[i][int(np.argmax(overlaps))] = True
    total = sum(len(t) for t in all_truth)
    recall, precision = hits.cumsum() / total, hits.cumsum() / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * precision).sum())


def detections(score, distance, threshold, nms=NMS, most=MOST):
    return [decode(s, d, GRID, STRIDE, threshold, nms, most) for s, d in zip(score, distance)]


def truths(folder, name):
    return [b[b[:, 0] >= 0] for b in np.load(folder / f"{name}-boxes.npy")]


def f1(found, truth):
    """Greedy matching at IoU .5 over all pictures."""
    right = 0
    for some, boxes in zip(found, truth):
        free = list(boxes)
        for box, _ in some:
            best = max(range(len(free)), key=lambda j: iou(box, free[j]), default=None)
            if best is not None and iou(box, free[best]) >= 0.5:
                free.pop(best)
                right += 1
    return 2 * right / max(1, sum(map(len, found)) + sum(map(len, truth)))


def fit_threshold(head, folder, backbone):
    """Best mean of: F1 on scenes trained on (none others may be looked at), exactly one piece on photos of validation."""
    maps = folder / f"maps-{digest(backbone)}"
    first = sorted(maps.glob("scenes-[0-9]*.npy"))[0]
    scenes, photos, truth = run(head, first), run(head, maps / "photos-fit.npy"), truths(folder, first.stem)
    best = (0, 0.3)
    for t in np.arange(0.16, 0.62, 0.02):
        one = np.mean([len(d) == 1 for d in detections(*photos, t)])
        best = max(best, (f1(detections(scenes[0][:400], scenes[1][:400], t), truth) * 0.5 + one * 0.5, round(float(t), 2)))
    return best[1]


def detector_for(backbone, file):
    """-> head and threshold, or None twice: the detector of `file`, if it is one for this backbone."""
    state = torch.load(file, weights_only=True) if file.exists() else None
    if state is None or state["backbone"] != digest(backbone):
        print(f"{file} is " + ("missing" if state is None else "for another backbone") + ": no piece detector")
        return None, None
    head = PieceHead().eval()
    head.load_state_dict(state["head"])
    return head, state["threshold"]


def figures_of(read, folder, threshold):
    """read(name) -> scores, distances of all pictures of an array."""
    scenes, truth = read("scenes-eval"), truths(folder, "scenes-eval")
    shared = [i for i, b in enumerate(truth) if pieces_scenes.overlapping(b)]
    low, at = detections(*scenes, 0.02, NMS, 20), detections(*scenes, threshold)
    pick = lambda some, index: [some[i] for i in index]
    figures = {"pieces_ap50": (average_precision(low, truth), len(truth)),
               "pieces_ap50_overlaps": (average_precision(pick(low, shared), pick(truth, shared)), len(shared)),
               "pieces_ap75": (average_precision(low, truth, 0.75), len(truth)), "pieces_f1": (f1(at, truth), len(truth))}
    for name, part in (("kept_apart", "photos-eval"), ("validation", "photos-fit")):
        count = np.array([len(d) for d in detections(*read(part), threshold)])
        figures[f"{name}_exactly_one_piece"] = (float((count == 1).mean()), len(count))
        figures[f"{name}_several_pieces"] = (float((count > 1).mean()), len(count))
    figures["pieces_scenes_with_overlaps"] = (len(shared) / len(truth), len(truth))
    return {k: {"value": round(v, 4), "n": n} for k, (v, n) in figures.items()}


def evaluate(folder, backbone, file):
    head, threshold = detector_for(backbone, file)
    maps = features(folder, backbone)
    return figures_of(lambda name: run(head, maps / f"{name}.npy"), folder, threshold)


def package_figures(model, folder=FOLDER):
    """The same of an exported package, a Package."""
    rule = model.manifest["pieces"]

    def read(name):
        pictures = np.load(folder / f"{name}.npy", mmap_mode="r")
        found = [model.pictures(pictures[i:i + 32]) for i in range(0, len(pictures), 32)]
        return [np.concatenate([f[rule[k]] for f in found]) for k in ("score", "box")]

    return figures_of(read, folder, rule["threshold"])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("step", choices=["scenes", "features", "train", "evaluate", "all"])
    ap.add_argument("--checkpoint", type=Path, default=WORK / "joint.pt", help="whose averaged backbone is used")
    ap.add_argument("--folder", type=Path, default=FOLDER)
    ap.add_argument("--out", type=Path, default=WORK / "pieces.pt")
    ap.add_argument("--chunks", type=int, default=16, help="of 1,000 scenes")
    ap.add_argument("--count", type=int, default=pieces_scenes.CHUNK, help="scenes a chunk; less: a try-out")
    ap.add_argument("--answers", type=Path, help="what `penderie label --json` says of the training photos: boxes on plain backgrounds")
    ap.add_argument("--minutes", type=float, default=12)
    ap.add_argument("--steps", type=int)
    ap.add_argument("--start", type=Path, help="a pieces.pt to go on from")
    ap.add_argument("--rate", type=float, default=3e-3)
    ap.add_argument("--scenes", type=int, default=48)
    ap.add_argument("--photos", type=int, default=16)
    ap.add_argument("--nothing", type=int, default=4)
    ap.add_argument("--single-weight", type=float, default=0.4)
    ap.add_argument("--seed", type=int, default=4)
    o = ap.parse_args()
    o.folder.mkdir(parents=True, exist_ok=True)
    if o.step in ("scenes", "all"):
        prepare(o.folder, o.chunks, o.count)
        if o.answers:
            photo_boxes(o.folder, o.answers)
    if o.step == "scenes":
        return
    backbone = backbone_of(o.checkpoint)
    if o.step in ("features", "all"):
        features(o.folder, backbone)
    if o.step in ("train", "all"):
        train(o.folder, backbone, o)
    if o.step in ("evaluate", "all"):
        figures = evaluate(o.folder, backbone, o.out)
        o.out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
        for name, f in figures.items():
            print(name, f["value"], f["n"])


if __name__ == "__main__":
    main()
