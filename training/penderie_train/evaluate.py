"""Step 5: the blind figures of eval/evaluate.py computed on an exported package, and those it does not have: calibration,
refusal of pictures without a garment, figures per class. Validation only: nothing here is trained on."""
import argparse
import collections
import importlib.util
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import drawn, labels
from .calibrate import exact
from .negatives import negatives
from .package import Package
from .progress import Progress
from .resize import fit
from .settings import DATA, EVAL, SIDE


def reference():
    """eval/evaluate.py as a module: its phrases and accepted categories are used as they are."""
    spec = importlib.util.spec_from_file_location("reference", EVAL / "evaluate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(model, name, keys):
    """-> {output: (N, ...)} for all pictures of an archive."""
    found = collections.defaultdict(list)
    with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
        for i in Progress(range(0, len(keys), 64), name):
            for k, v in model.pictures(exact(archive, name, keys[i:i + 64])).items():
                found[k].append(v)
    return {k: np.concatenate(v) for k, v in found.items()}


def nearest(queries, index, count):
    out = np.empty((len(queries), count), int)
    for i in range(0, len(queries), 256):
        scores = queries[i:i + 256] @ index.T
        top = np.argpartition(-scores, count, 1)[:, :count]
        out[i:i + 256] = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), 1), 1)
    return out


def interval(hits):
    """95 % Wilson interval."""
    n, p, z = len(hits), float(np.mean(hits)), 1.96
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return round((centre - half) / (1 + z * z / n), 3), round((centre + half) / (1 + z * z / n), 3)


def calibration_error(confidence, right, bins=10):
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum((which == b).mean() * abs(confidence[which == b].mean() - right[which == b].mean()) for b in range(bins) if (which == b).any())


class Evaluation:
    def __init__(self, folder, quick):
        self.model = Package(folder)
        self.figures, self.classes = {}, {}
        self.products = labels.products()[::quick]
        self.found = run(self.model, "products", [r["id"] for r in self.products])
        self.vectors = self.found["embedding"]
        self.category = np.array([labels.category_of_article()[r["articleType"]] for r in self.products])
        self.unseen = np.array([labels.held_out_product(r) for r in self.products])
        self.reference = reference()
        rows = [r for r in self.products if labels.held_out_product(r)]
        row = {r["id"]: i for i, r in enumerate(self.products)}
        self.sample = [row[r["id"]] for r in random.Random(7).sample(rows, min(2000, len(rows)))]

    def figure(self, name, hits, n=None):
        hits = np.asarray(hits, float)
        self.figures[name] = {"value": round(float(hits.mean()), 4), "n": n or len(hits)}
        print(f"{name} {hits.mean():.4f} {n or len(hits)}", flush=True)

    def best(self, found, field):
        head = next(h for h in self.model.manifest["heads"] if h["field"] == field)
        return np.array(head["labels"])[found[field].argmax(1)], found[field].max(1)

    def photos(self, split, keep):
        rows = [r for r in labels.photos() if keep(r)]
        found = run(self.model, "photos", [r["image"] for r in rows])
        guess, confidence = self.best(found, "category")
        right, accepted = labels.photo_rules()
        small = {r["category"]: r["small_class"] for r in labels.taxonomy()}
        ten = [i for i, r in enumerate(rows) if r["small_class"]]
        self.figure(f"{split}_photo_small10_accuracy", [small[guess[i]] == rows[i]["small_class"] for i in ten])
        known = [i for i, r in enumerate(rows) if right.get(r["label"]) and r["label"] != "Other"]
        hits = np.array([guess[i] in right[rows[i]["label"]] for i in known])
        self.figure(f"{split}_photo_category_accuracy", hits)
        per = collections.defaultdict(list)
        for i, h in zip(known, hits):
            per[rows[i]["label"]].append(h)
            per["kids" if rows[i]["kids"] == "True" else "adults"].append(h)
        self.classes[split] = {k: {"accuracy": round(float(np.mean(v)), 3), "interval": interval(v), "n": len(v)} for k, v in sorted(per.items())}
        self.figure(f"{split}_photo_category_ece", [calibration_error(confidence[known], hits)], len(known))
        head = self.model.manifest["heads"]
        limit = {h["field"]: h["sure_threshold"] for h in head}
        sure = confidence[known] >= limit["category"]
        self.figure(f"{split}_photo_category_sure_share", sure)
        self.figure(f"{split}_photo_category_sure_accuracy", hits[sure])
        self.figure(f"{split}_garment_wrongly_refused", found["garment"][known, 1] < limit["garment"])
        judged = [i for i, r in enumerate(rows) if r["label"] in accepted]
        near = nearest(found["embedding"][judged], self.vectors, 10)
        self.figure(f"{split}_photo_to_product_p10", [np.mean([self.category[j] in accepted[rows[i]["label"]] for j in ids]) for i, ids in zip(judged, near)])

    def product_labels(self):
        for field in ("category", "gender", "colour", "season", "style"):
            guess, confidence = self.best(self.found, field)
            truth = self.category if field == "category" else np.array([r[labels.COLUMN[field]] for r in self.products])
            used = [i for i in self.sample if truth[i] not in ("", *(labels.UNKNOWN if field in ("colour", "style") else ()))]
            self.figure(f"product_{field}_accuracy", guess[used] == truth[used])
            self.figure(f"product_{field}_ece", [calibration_error(confidence[used], guess[used] == truth[used])], len(used))
            per = {v: guess[[i for i in used if truth[i] == v]] == v for v in sorted(set(truth[used]))}
            self.classes[f"product_{field}"] = {v: {"accuracy": round(float(h.mean()), 3), "interval": interval(h), "n": len(h)} for v, h in per.items()}

    def similar(self):
        alike = list(zip(self.category, (r["baseColour"] for r in self.products), (r["gender"] for r in self.products)))
        crowd = collections.Counter(alike)
        asked = [i for i in self.sample if crowd[alike[i]] >= 21]
        near = nearest(self.vectors[asked], self.vectors, 11)
        self.figure("similar_product_p10", [np.mean([alike[j] == alike[i] for j in [j for j in ids if j != i][:10]]) for i, ids in zip(asked, near)])

    def search(self, queries, count=10):
        vectors = np.concatenate([self.model.texts(queries[i:i + 64]) for i in range(0, len(queries), 64)])
        return nearest(vectors, self.vectors, count)

    def titles(self):
        title = [" ".join(r["name"].split()) for r in self.products]
        same = collections.defaultdict(set)
        for i, t in enumerate(title):
            same[t].add(i)
        queries = sorted({t for t, u in zip(title, self.unseen) if u})
        queries = random.Random(11).sample(queries, min(2000, len(queries)))
        near = self.search(queries)
        new = np.array([all(self.unseen[i] for i in same[t]) for t in queries])
        first = [next((1 / k for k, i in enumerate(ids, 1) if i in same[t]), 0) for t, ids in zip(queries, near)]
        r1 = [len({ids[0]} & same[t]) / len(same[t]) for t, ids in zip(queries, near)]
        r10 = [len(set(ids) & same[t]) / len(same[t]) for t, ids in zip(queries, near)]
        for name, some in (("exact", np.ones(len(queries), bool)), ("new", new)):
            for figure, values in (("r1", r1), ("r10", r10), ("mrr10", first)):
                self.figure(f"text_{name}_{figure}", np.array(values)[some])

    def words(self, file, name):
        rows = labels.read(file)
        def right(r, p):
            return (self.category[p] in r["categories"].split("|") and (not r["colours"] or self.products[p]["baseColour"] in r["colours"].split("|"))
                    and (not r["genders"] or self.products[p]["gender"] in r["genders"].split("|")))
        near = self.search([r["query"] for r in rows])
        hits = [np.mean([right(r, p) for p in ids]) for r, ids in zip(rows, near)]
        self.figure(name, hits)
        self.classes[name] = {r["query"]: round(float(h), 2) for r, h in zip(rows, hits) if h < 0.75}

    def phrases(self):
        ref = self.reference
        count = collections.Counter(self.category)
        cats = [r for r in labels.taxonomy() if count[r["category"]] >= 50 and r["category"] not in ("other", "beauty", "tunic", "saree", "set")]
        both = collections.Counter(zip(self.category, (r["baseColour"] for r in self.products)))
        pairs = [(r, c) for r in cats for c in ref.COLOURS if both[(r["category"], c)] >= 20]
        accepts = lambda r: ref.TEXT_ACCEPTS.get(r["category"], {r["category"]})

        def phrase(lang, r, c):
            if lang == "en":
                return f"{ref.COLOURS[c][0]} {r['en'].split(' or ')[0].lower()}"
            w = ref.COLOURS[c][2 if r["category"] in ref.FEMININE else 1]
            if r["fr"].split(" ")[0].endswith("s") and w not in ("marron", "orange", "bleu marine", "gris"):
                w += "s"
            return f"{r['fr'].split(' ou ')[0].lower()} {w}"

        for lang in ("en", "fr"):
            near = self.search([r[lang] for r in cats])
            hits = [np.mean([self.category[p] in accepts(r) for p in ids]) for r, ids in zip(cats, near)]
            self.figure(f"text_category_{lang}_p10", hits)
            self.classes[f"text_category_{lang}_p10"] = {r[lang]: round(float(h), 2) for r, h in zip(cats, hits) if h < 0.9}
            near = self.search([phrase(lang, r, c) for r, c in pairs])
            self.figure(f"text_colour_category_{lang}_p10", [np.mean([self.category[p] in accepts(r) and self.products[p]["baseColour"] == c for p in ids])
                                                              for (r, c), ids in zip(pairs, near)])

    def drawings(self, folder):
        """Drawn products of another seed than those of training."""
        rows = drawn.rows(folder)
        pixels = np.stack([fit(Image.open(folder / r["path"]), SIDE) for r in rows])
        found = [self.model.pictures(pixels[i:i + 64]) for i in range(0, len(pixels), 64)]
        found = {k: np.concatenate([f[k] for f in found]) for k in found[0]}
        for field in ("category", "colour", "gender"):
            guess, _ = self.best(found, field)
            self.figure(f"drawn_{field}_accuracy", guess == np.array([r[field] for r in rows]))
        limit = next(h["sure_threshold"] for h in self.model.manifest["heads"] if h["field"] == "garment")
        self.figure("drawn_garment_wrongly_refused", found["garment"][:, 1] < limit)

    def refusals(self):
        """300 pictures without a garment, drawn with a seed of their own; their rooms are corners of validation photos."""
        torch.manual_seed(2024)
        rows = [r for r in labels.photos() if labels.kept_apart(r)][:200]
        with zipfile.ZipFile(DATA / "photos.zip") as archive:
            rooms = torch.from_numpy(exact(archive, "photos", [r["image"] for r in rows])).permute(0, 3, 1, 2).float() / 255
        pixels = (negatives(rooms, 300, SIDE) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        limit = next(h["sure_threshold"] for h in self.model.manifest["heads"] if h["field"] == "garment")
        yes = np.concatenate([self.model.pictures(pixels[i:i + 50])["garment"][:, 1] for i in range(0, 300, 50)])
        self.figure("not_garment_refused", yes < limit)
        self.figure("product_garment_wrongly_refused", self.found["garment"][self.sample, 1] < limit)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("package", type=Path)
    ap.add_argument("--json", type=Path)
    ap.add_argument("--write-manifest", action="store_true", help="put the figures into the package's manifest")
    ap.add_argument("--drawn", type=Path, help="a folder drawn by penderie demo with a seed that was not trained on")
    ap.add_argument("--quick", type=int, default=1, metavar="N", help="only every Nth product: a look, not comparable figures")
    o = ap.parse_args()
    e = Evaluation(o.package, o.quick)
    e.photos("validation", lambda r: r["small_split"] == "validation")
    e.photos("kept_apart", labels.kept_apart)
    e.product_labels()
    e.similar()
    e.titles()
    e.words(EVAL / "words.csv", "text_words_p10")
    e.words(Path(__file__).parent.parent / "words-own.csv", "text_words_own_p10")
    e.phrases()
    e.refusals()
    if o.drawn:
        e.drawings(o.drawn)
    if o.json:
        o.json.write_text(json.dumps({"figures": e.figures, "classes": e.classes}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if o.write_manifest:
        file = o.package / "manifest.json"
        manifest = json.loads(file.read_text())
        manifest["figures"] = {**{k: v for k, v in manifest["figures"].items() if k.startswith("agreement")}, **e.figures}
        file.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
