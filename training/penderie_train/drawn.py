"""Drawn products of `penderie demo` as one more domain: a folder with images/ and labels.csv, in PENDERIE_DRAWN. Draw it with a
seed of its own, so that the pictures people see in the demonstration are not those of training."""
import os
from pathlib import Path

import numpy as np
from PIL import Image

from . import labels
from .labels import FIELDS, Known, names
from .resize import fit
from .settings import PHOTO_SIDE, WORK

FOLDER = os.environ.get("PENDERIE_DRAWN")
FIRST_TITLE = 10_000_000  # numbers of drawn titles, apart from those of the catalogue


def rows(folder):
    return labels.read(Path(folder) / "labels.csv")


def known(table):
    home = np.array([labels.category_of_article()[a] for a in names("article")])
    possible = {f: np.ones((len(table), len(names(f))), bool) for f in FIELDS}
    for i, r in enumerate(table):
        for f in ("category", "gender", "colour", "season", "style"):
            if r[f] in names(f):
                possible[f][i] = np.isin(names(f), [r[f]])
        if (home == r["category"]).any():
            possible["article"][i] = home == r["category"]
    titles = {}
    title = np.array([FIRST_TITLE + titles.setdefault(r["title"], len(titles)) for r in table])
    return Known(possible, title, np.zeros((len(table), len(names("category"))), bool))


def training_rows():
    return rows(FOLDER) if FOLDER else []


def pictures():
    """(N, side, side, 3) u8, decoded once."""
    file = WORK / "drawn.npy"
    if not file.exists():
        np.save(file, np.stack([fit(Image.open(Path(FOLDER) / r["path"]), PHOTO_SIDE) for r in training_rows()]))
    return np.load(file)
