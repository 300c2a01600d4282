"""Label lists, splits, and what is known about each picture as sets of possible values."""
import csv
import functools
from dataclasses import dataclass

import numpy as np

from .settings import DATA, EVAL

STYLES = ["Casual", "Ethnic", "Formal", "Home", "Party", "Smart Casual", "Sports", "Travel"]
GENDERS = ["Men", "Women", "Unisex", "Boys", "Girls"]
SEASONS = ["Spring", "Summer", "Fall", "Winter"]
FIELDS = ["category", "article", "gender", "colour", "season", "style"]
COLUMN = {"gender": "gender", "colour": "baseColour", "season": "season", "style": "usage", "article": "articleType"}
UNKNOWN = ("", "NA")
UNLABELLED = ("Not sure", "Skip", "Other")  # photos whose label says nothing


def read(path):
    return list(csv.DictReader(open(path, newline="", encoding="utf-8")))


@functools.cache
def products():
    return read(DATA / "products.csv")


@functools.cache
def photos():
    return read(DATA / "photos.csv")


@functools.cache
def taxonomy():
    return read(EVAL / "taxonomy.csv")


@functools.cache
def category_of_article():
    return {a: r["category"] for r in taxonomy() for a in r["kagl_article_types"].split("|") if a}


@functools.cache
def names(field):
    if field == "category":
        return [r["category"] for r in taxonomy()]
    if field in ("gender", "season", "style"):
        return {"gender": GENDERS, "season": SEASONS, "style": STYLES}[field]
    return sorted({r[COLUMN[field]] for r in products()} - set(UNKNOWN))


def held_out_product(row):
    return row["id"].endswith("7")


def kept_apart(row):
    return int(row["sender_id"] or 0) % 10 in (5, 6)


def training_photo(row):
    return not kept_apart(row) and row["small_split"] in ("", "train") and row["label"] not in ("Not sure", "Skip")


@functools.cache
def photo_rules():
    """photo label -> (categories counted right, categories of products that answer it), as eval/evaluate.py has them."""
    pairs = read(EVAL / "photo_to_products.csv")
    right = {r["photo_label"]: set(filter(None, r["label_also"].split("|"))) for r in pairs}
    for r in taxonomy():
        for label in filter(None, r["photo_labels"].split("|")):
            same = {q["category"] for q in taxonomy() if r["small_class"] and q["small_class"] == r["small_class"]}
            right.setdefault(label, set()).update({r["category"]} | same)
    return right, {r["photo_label"]: set(r["accepted_categories"].split("|")) for r in pairs}


# What a photo's label leaves possible. Narrower than what counts as right: a longsleeve is not a sweatshirt.
PHOTO_CATEGORIES = {
    "T-Shirt": ["t-shirt"], "Polo": ["t-shirt"], "Longsleeve": ["longsleeve"], "Shirt": ["shirt"], "Blouse": ["shirt"],
    "Top": ["top"], "Undershirt": ["undershirt"], "Hoodie": ["sweatshirt"], "Outwear": ["jacket"], "Blazer": ["blazer"],
    "Dress": ["dress"], "Pants": ["trousers", "jeans", "joggers", "leggings"], "Shorts": ["shorts"], "Skirt": ["skirt"],
    "Shoes": ["casual-shoes", "sports-shoes", "formal-shoes", "heels", "flats", "sandals", "flip-flops"], "Hat": ["hat"],
    "Body": ["jumpsuit", "undershirt"],
}
# Catalogue types a photo label may carry, wider: the catalogue files long sleeves under Tshirts and Tops.
PHOTO_ARTICLES = {
    "T-Shirt": ["Tshirts"], "Polo": ["Tshirts"], "Longsleeve": ["Tshirts", "Tops", "Sweaters", "Sweatshirts"],
    "Top": ["Tops", "Camisoles", "Tshirts"], "Undershirt": ["Innerwear Vests", "Camisoles", "Tops"],
    "Blouse": ["Shirts", "Tops", "Tunics"], "Hoodie": ["Sweatshirts", "Jackets"],
    "Outwear": ["Jackets", "Rain Jacket", "Blazers", "Waistcoat"], "Body": ["Rompers", "Jumpsuit", "Innerwear Vests"],
}


@dataclass
class Known:
    """For N pictures and each field, (N, values) bool: the values that the labels leave possible. All true = unknown."""
    possible: dict
    title: np.ndarray  # (N,) number of the title, -1 for photos
    accepts: np.ndarray  # (N, categories) bool: product categories that answer a photo; empty rows for products

    def single(self, field):
        """(N,) the value where exactly one is possible, else -1."""
        p = self.possible[field]
        return np.where(p.sum(1) == 1, p.argmax(1), -1)


def known_products(rows):
    possible = {}
    for field in FIELDS:
        values = {v: i for i, v in enumerate(names(field))}
        p = np.zeros((len(rows), len(values)), bool)
        for i, r in enumerate(rows):
            v = category_of_article()[r["articleType"]] if field == "category" else r[COLUMN[field]]
            if v in values:
                p[i, values[v]] = True
            else:
                p[i] = True
        possible[field] = p
    # A catalogue T-shirt may have long sleeves; pictures are too small to say, so both stay possible for captions.
    titles = {}
    title = np.array([titles.setdefault(" ".join(r["name"].split()), len(titles)) for r in rows])
    return Known(possible, title, np.zeros((len(rows), len(names("category"))), bool))


def known_photos(rows):
    possible = {f: np.ones((len(rows), len(names(f))), bool) for f in FIELDS}
    accepts = np.zeros((len(rows), len(names("category"))), bool)
    cat, art = (np.array(names(f)) for f in ("category", "article"))
    home = np.array([category_of_article()[a] for a in art])
    for i, r in enumerate(rows):
        label = r["label"]
        if label in UNLABELLED:
            continue
        possible["category"][i] = np.isin(cat, PHOTO_CATEGORIES[label])
        possible["article"][i] = np.isin(art, PHOTO_ARTICLES[label]) if label in PHOTO_ARTICLES \
            else np.isin(home, PHOTO_CATEGORIES[label])
        accepts[i] = np.isin(cat, list(photo_rules()[1].get(label, ())))
        if r["kids"] == "True":
            possible["gender"][i] = np.isin(GENDERS, ["Boys", "Girls", "Unisex"])
    return Known(possible, np.full(len(rows), -1), accepts)
