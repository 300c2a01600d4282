"""What the program needs to score a house's main styles (src/infer/styles.h): the means of the model's embeddings of pictures
and of words, and the temperature at which the scores of vocabulary/main_styles.json are honest, fitted on labelled products.

    python -m penderie_train.styles ../models/penderie-fashion     fits, and writes "styles" into the manifest
"""
import argparse
import json
from pathlib import Path

import numpy as np

from . import labels
from .package import Package

FILE = Path(__file__).parents[2] / "vocabulary" / "main_styles.json"
USAGE = {"Casual": "casual", "Smart Casual": "casual", "Formal": "formal", "Sports": "sport", "Ethnic": "boheme", "Party": "party"}


def unit(v):
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def means(pictures, truth, texts):
    """Every style counts alike: with means of all products, nearly all casual, casual would be no direction of its own.
    texts: a list of the embeddings of each style's words."""
    return np.mean([pictures[truth == k].mean(0) for k in np.unique(truth)], 0), np.mean([t.mean(0) for t in texts], 0)


def directions(styles, embed, text_mean):
    """Of styles described by words alone, as src/infer/styles.c makes them."""
    return np.stack([unit(unit(embed(s["words"]) - text_mean).sum(0)) for s in styles])


def cosines(pictures, picture_mean, directions_):
    return unit(pictures - picture_mean) @ directions_.T


def nll(logits, truth):
    """Half counted by product, half by style: nearly all products are casual, and each style must be honest too."""
    logp = logits - logits.max(1, keepdims=True)
    own = (logp - np.log(np.exp(logp).sum(1, keepdims=True)))[np.arange(len(truth)), truth]
    return -(own.mean() + np.mean([own[truth == k].mean() for k in np.unique(truth)])) / 2


def fit(model, pictures, rows, file=FILE):
    """pictures: (N, dim) embeddings of the products `rows`, none of them trained on -> the manifest's "styles", figures."""
    styles = json.loads(Path(file).read_text(encoding="utf-8"))["styles"]
    embed = lambda texts: model.texts(list(texts))
    number = {s["name"]: i for i, s in enumerate(styles)}
    known = [i for i, r in enumerate(rows) if USAGE.get(r["usage"]) in number]
    truth = np.array([number[USAGE[rows[i]["usage"]]] for i in known])
    used = np.arange(len(truth)) % 2 == 0  # the other half gives the figures
    picture_mean, text_mean = means(pictures[known][used], truth[used], [embed(s["words"]) for s in styles])
    cos = cosines(pictures[known], picture_mean, directions(styles, embed, text_mean))
    weight = np.log([s.get("weight", 1) for s in styles])
    temperature = float(min(np.exp(np.linspace(0, 4.5, 91)), key=lambda t: nll(t * cos[used] + weight, truth[used])))
    logits, truth = temperature * cos[~used] + weight, truth[~used]
    right, sure = logits.argmax(1) == truth, np.exp(logits).max(1) / np.exp(logits).sum(1)
    figures = {"main_styles_accuracy": {"value": round(float(right.mean()), 4), "n": len(truth)},
               "main_styles_mean_recall": {"value": round(float(np.mean([right[truth == k].mean() for k in np.unique(truth)])), 4), "n": len(truth)}}
    bins = np.minimum((sure * 10).astype(int), 9)
    error = sum(abs((sure - right)[bins == b].sum()) for b in np.unique(bins)) / len(truth)
    figures["main_styles_ece"] = {"value": round(float(error), 4), "n": len(truth)}
    for k in np.unique(truth):
        figures[f"main_styles_{styles[k]['name']}_recall"] = {"value": round(float(right[truth == k].mean()), 4), "n": int((truth == k).sum())}
    numbers = lambda v: [round(float(x), 5) for x in v]
    return {"temperature": round(temperature, 3), "picture_mean": numbers(picture_mean), "text_mean": numbers(text_mean)}, figures


def write(folder, styles, figures):
    file = Path(folder) / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["styles"] = styles
    manifest["figures"].update(figures)
    file.write_text(json.dumps(manifest, indent=1) + "\n")


def main():
    import zipfile

    from .calibrate import exact
    from .progress import Progress
    from .settings import DATA
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("package", type=Path)
    ap.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth product: a look")
    o = ap.parse_args()
    model = Package(o.package)
    rows = [r for r in labels.products() if labels.held_out_product(r)][::o.every]
    keys = [r["id"] for r in rows]
    with zipfile.ZipFile(DATA / "products.zip") as archive:
        pictures = np.concatenate([model.pictures(exact(archive, "products", keys[i:i + 64]))["embedding"]
                                   for i in Progress(range(0, len(keys), 64), "products")])
    styles, figures = fit(model, pictures, rows)
    write(o.package, styles, figures)
    print(f"temperature {styles['temperature']}")
    for name, f in figures.items():
        print(name, f["value"], f["n"])


if __name__ == "__main__":
    main()
