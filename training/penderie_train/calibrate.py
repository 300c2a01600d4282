"""Temperatures and thresholds of the heads, fitted on validation: products whose id ends in 7 and photos of small_split
validation whose senders are not kept apart. The threshold of "sure" for the category must hold for people never seen: it is
chosen on the photos of kept-apart senders too, a few senders left out in turn; what is said of its accuracy on them is
what was right of those left out."""
import numpy as np
import torch

from . import labels
from .labels import FIELDS
from .losses import Targets
from .negatives import negatives
from .resize import fit
from .settings import DATA, SIDE, WORK

SURE_ACCURACY = {"category": 0.93}  # accuracy that answers above the threshold must have; 0.85 for the other heads


def validation_photo(row):
    return row["small_split"] == "validation" and not labels.kept_apart(row) and row["label"] not in labels.UNLABELLED


def exact(zip_file, folder, keys, side=SIDE):
    """Pictures from the archive through the exact resize -> (N, side, side, 3) u8."""
    import io

    from PIL import Image
    return np.stack([fit(Image.open(io.BytesIO(zip_file.read(f"{folder}/{k}.jpg"))), side) for k in keys])


def to_input(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


def validation_set(backbone):
    """-> features, Targets, is_photo."""
    import zipfile
    products = [r for r in labels.products() if labels.held_out_product(r)]
    photos = [r for r in labels.photos() if validation_photo(r)]
    features = []
    with torch.no_grad(), zipfile.ZipFile(DATA / "products.zip") as a, zipfile.ZipFile(DATA / "photos.zip") as b:
        for archive, folder, keys in ((a, "products", [r["id"] for r in products]), (b, "photos", [r["image"] for r in photos])):
            for i in range(0, len(keys), 64):
                features.append(backbone(to_input(exact(archive, folder, keys[i:i + 64]))))
        torch.manual_seed(99)
        store = np.load(WORK / "photos.npy", mmap_mode="r")
        rooms = torch.from_numpy(np.stack([store[i] for i, r in enumerate(labels.photos()) if validation_photo(r)]))
        rooms = rooms.permute(0, 3, 1, 2).float() / 255
        features += [backbone(negatives(rooms, 60, SIDE) * 2 - 1) for _ in range(5)]
    targets = Targets.join([Targets.of(labels.known_products(products)), Targets.of(labels.known_photos(photos)), Targets.empty(300)])
    is_photo = torch.zeros(len(targets.title), dtype=torch.bool)
    is_photo[len(products):len(products) + len(photos)] = True
    return torch.cat(features), targets, is_photo


def nll(logits, possible, weight):
    inside = logits.log_softmax(1).masked_fill(possible == 0, -1e4).logsumexp(1)
    return -(inside * weight).sum() / weight.sum()


def temperature(logits, possible, weight):
    grid = torch.exp(torch.linspace(-1.2, 1.2, 97))
    return float(min(grid, key=lambda t: nll(logits / t, possible, weight)))


def threshold(probability, right, wanted):
    """The lowest p in steps of .01 at which answers of at least p are right often enough."""
    for p in np.arange(0.3, 0.96, 0.01):
        sure = probability >= p
        if sure.sum() < 20 or right[sure].float().mean() >= wanted:
            return round(float(p), 2)
    return 0.95


def grouped_threshold(probability, right, groups, wanted, folds=8):
    """The lowest threshold at which answers are right often enough for people who had no part in choosing it: whole groups
    (senders) are left out in turn, and the margin asked of the others grows until those left out reach `wanted`.
    -> threshold, accuracy and share of sure answers on the groups left out."""
    probability, right, groups = (np.asarray(v) for v in (probability, right, groups))
    names = np.random.default_rng(0).permutation(np.unique(groups))
    fold = {g: i % folds for i, g in enumerate(names)}
    which = np.array([fold[g] for g in groups])
    lowest = lambda p, r, w: next((t for t in np.arange(0.3, 0.985, 0.01) if (p >= t).sum() >= 20 and r[p >= t].mean() >= w), 0.98)
    best = None
    for margin in np.arange(0, 0.065, 0.005):
        sure = np.zeros(len(right), bool)
        for k in range(folds):
            here = which == k
            sure[here] = probability[here] >= lowest(probability[~here], right[~here], wanted + margin)
        if not sure.any():
            break
        best = round(float(lowest(probability, right, wanted + margin)), 2), float(right[sure].mean()), float(sure.mean())
        if best[1] >= wanted:
            break
    return best


def kept_apart_photos(backbone, heads, temperature):
    """-> probability of the best category, whether it is right, sender, for photos of people kept apart."""
    import zipfile
    rows = [r for r in labels.photos() if labels.kept_apart(r) and r["label"] not in labels.UNLABELLED]
    with torch.no_grad(), zipfile.ZipFile(DATA / "photos.zip") as archive:
        logits = torch.cat([heads(backbone(to_input(exact(archive, "photos", [r["image"] for r in rows[i:i + 64]]))))[1]["category"]
                            for i in range(0, len(rows), 64)])
    p, best = (logits / temperature).softmax(1).max(1)
    accepted = labels.photo_rules()[0]
    names = labels.names("category")
    right = np.array([names[b] in accepted[r["label"]] for b, r in zip(best.tolist(), rows)])
    return p.numpy(), right, np.array([r["sender_id"] for r in rows])


def calibrate(backbone, heads):
    """-> {field: {"temperature", "sure_threshold"}}"""
    features, targets, is_photo = validation_set(backbone)
    with torch.no_grad():
        _, logits = heads(features)
    garment = targets.garment == 1
    out = {}
    for f in FIELDS:
        possible = targets.field(f)
        used = garment & (possible.sum(1) > 0) & (possible.sum(1) < possible.shape[1])
        weight = torch.where(is_photo, (used & ~is_photo).sum() / (used & is_photo).sum().clamp_min(1), 1.0)[used]
        if f != "category":
            weight = (~is_photo)[used].float()
        t = temperature(logits[f][used], possible[used], weight)
        p, best = (logits[f][used] / t).softmax(1).max(1)
        keep = is_photo[used] if f == "category" else ~is_photo[used]
        right = possible[used].gather(1, best[:, None])[:, 0] > 0
        out[f] = {"temperature": t, "sure_threshold": threshold(p[keep], right[keep], SURE_ACCURACY.get(f, 0.85))}
        if f == "category":
            found = grouped_threshold(*kept_apart_photos(backbone, heads, t), SURE_ACCURACY[f])
            print(f"sure, on senders left out: {found[1]:.3f} right of {found[2]:.3f} answered, threshold {found[0]}")
            out[f]["sure_threshold"] = max(out[f]["sure_threshold"], found[0])
    two = torch.stack([~garment, garment], 1).float()
    t = temperature(logits["garment"], two, torch.where(garment, 1 / garment.sum(), 1 / (~garment).sum()))
    yes = (logits["garment"] / t).softmax(1)[:, 1]
    out["garment"] = {"temperature": t, "sure_threshold": round(float(torch.quantile(yes[garment], 0.01).clamp(0.05, 0.5)), 3)}
    return out
