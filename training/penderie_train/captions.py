"""Sentences people would type, in French and English, each with the attribute values that satisfy it."""
import functools
import random
from pathlib import Path

import numpy as np

from . import words
from .labels import FIELDS, category_of_article, names

VOWELS = "aeiouyàâéèêh"


@functools.cache
def nouns():
    """[(field, values, {"m": [...], "f": [...], "en": [...]})]"""
    out = []
    for line in Path(__file__).with_name("lexicon.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            what, *columns = line.split("\t")
            assert len(columns) == 3, line
            field = "article" if what.startswith("=") else "category"
            values = what.lstrip("=").split("|")
            assert set(values) <= set(names(field)), values
            out.append((field, values, {k: [w.strip() for w in c.split(",") if w.strip()] for k, c in zip(("m", "f", "en"), columns)}))
    return out


def allow(field, values):
    return np.isin(names(field), values)


def french_plural(word):
    if word[-1] in "sxz":
        return word
    if word.endswith(("eau", "eu", "au")):
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def english_plural(word):
    if word.endswith(("s", "sh", "ch", "x")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def inflect(entry, plural, french):
    """-> (text, is it plural)"""
    mark, word = (entry[-1], entry[:-1]) if entry[-1] in "!~*" else ("", entry)
    if mark in ("!", "~") or not plural:
        return word, mark == "!"
    if not french or mark == "*":
        head, space, last = word.rpartition(" ")
        return head + space + (french_plural if french else english_plural)(last), True
    first, space, rest = word.partition(" ")
    return french_plural(first) + space + rest, True


def agree(pair, feminine, plural):
    """A colour word of COLOURS in the right form."""
    masculine, female = pair
    word = female if feminine and female else masculine
    return french_plural(word) if plural and female else word


class Captioner:
    """Random captions from its own generator. `counts`: how many training products carry each (category, article, ...)."""

    def __init__(self, rows, seed):
        self.random = random.Random(seed)
        self.by_category, self.by_article = {}, {}
        for entry in nouns():
            for v in entry[1]:
                (self.by_category if entry[0] == "category" else self.by_article).setdefault(v, []).append(entry)
        self.rows = rows
        groups = {}
        for r in rows:
            groups.setdefault(category_of_article()[r["articleType"]], []).append(r)
        self.groups = groups
        self.names = list(groups)
        self.weights = [len(groups[c]) ** 0.5 for c in self.names]

    def pick(self, options, p):
        return self.random.choice(options) if self.random.random() < p else None

    def entry(self, category, article):
        options = self.by_category.get(category, [])
        if article in self.by_article and (not options or self.random.random() < 0.4):
            options = self.by_article[article]
        return self.random.choice(options) if options else None

    def caption(self):
        """(text, {field: allowed}) about a random product of a random category, so that something satisfies it."""
        row = self.random.choice(self.groups[self.random.choices(self.names, self.weights)[0]])
        return self.about(category_of_article()[row["articleType"]], row)

    def about(self, category, row):
        """`row` has the other attributes, or is empty for a photo of which only the category is known."""
        r = self.random
        entry = self.entry(category, row.get("articleType"))
        french = r.random() < 0.55
        want = {}
        chosen = {}
        for field, column, table, p in (("colour", "baseColour", words.COLOURS, 0.62), ("gender", "gender", words.GENDERS, 0.36),
                                        ("season", "season", words.SEASONS, 0.06), ("style", "usage", words.STYLES, 0.13)):
            options = [e for e in table if row.get(column) in e[0]]
            main = [e for e in options if e[0][0] == row.get(column)]
            chosen[field] = self.pick(main if main and r.random() < 0.8 else options, p) if options else None
            if chosen[field]:
                want[field] = allow(field, chosen[field][0])
        if entry is None or (want and r.random() < 0.04):
            entry = None
        else:
            want[entry[0]] = allow(entry[0], entry[1])
        if not want:
            want["category"] = allow("category", [category])
        text = (self.french if french else self.english)(entry, chosen, category)
        if chosen["colour"] and r.random() < 0.03:  # both languages in one search
            text = (self.english if french else self.french)(entry, {**chosen, "colour": None}, category)
            text += " " + (chosen["colour"][1][0] if french else r.choice(chosen["colour"][2]))
        return self.spoil(text), want

    def french(self, entry, chosen, category):
        r = self.random
        gender = plural = False
        if entry is None:
            noun = "" if any(chosen.values()) else category
        else:
            options = [("m", w) for w in entry[2]["m"]] + [("f", w) for w in entry[2]["f"]]
            if not options:
                return self.english(entry, chosen, category)
            # The first word of a list is the usual one.
            usual = [(k, entry[2][k][0]) for k in ("m", "f") if entry[2][k]]
            kind, word = r.choice(usual if r.random() < 0.3 else options)
            gender = kind == "f"
            noun, plural = inflect(word, r.random() < 0.45, True)
        colour = agree(chosen["colour"][1], gender if r.random() < 0.85 else not gender, plural if r.random() < 0.85 else False) \
            if chosen["colour"] else ""
        if colour and r.random() < 0.07:
            colour = r.choice(["de couleur ", "couleur ", "en "]) + chosen["colour"][1][0]
        after = [self.random.choice(chosen[f][1]) for f in ("gender", "season", "style") if chosen[f]]
        filler = self.pick(words.FILLERS_FR, 0.18)
        after += [filler] if filler else []
        r.shuffle(after)
        parts = [noun, colour, *after] if r.random() < 0.75 else [noun, *after, colour]
        if r.random() < 0.05:
            r.shuffle(parts)
        text = " ".join(p for p in parts if p)
        article = ""
        if noun and r.random() < 0.12:
            article = "des " if plural else ("une " if gender else "un ")
        opening = self.pick(words.OPENINGS_FR, 0.08)
        return (opening + " " if opening else "") + article + text

    def english(self, entry, chosen, category):
        r = self.random
        if entry is None:
            noun = "" if any(chosen.values()) else category.replace("-", " ")
        else:
            options = entry[2]["en"] or entry[2]["m"] + entry[2]["f"]
            noun, _ = inflect(options[0] if r.random() < 0.3 else r.choice(options), r.random() < 0.45, False)
        before, after = [], []
        for field in ("gender", "season", "style"):
            if chosen[field]:
                (before if r.random() < 0.55 else after).append(chosen[field])
        before = [r.choice(e[2]) for e in before]
        after = [r.choice(e[3]) for e in after]
        colour = r.choice(chosen["colour"][2]) if chosen["colour"] else ""
        if r.random() < 0.18:
            before.append(r.choice(words.FILLERS_EN))
        r.shuffle(before)
        if colour and r.random() < 0.1:
            after.insert(0, "in " + colour)
        else:
            before.append(colour)
        parts = [*before, noun, *after]
        if r.random() < 0.05:
            r.shuffle(parts)
        opening = self.pick(words.OPENINGS_EN, 0.08)
        start = ("a " if r.random() < 0.08 else "")
        return " ".join(p for p in ([opening] if opening else []) + [start.strip()] + parts if p)

    def spoil(self, text):
        """Typing mistakes: about one text in four gets one or two."""
        r = self.random
        if r.random() < 0.5:
            text = text.replace("'", " ") if r.random() < 0.5 else text.replace("-", " ")
        if r.random() > 0.25:
            return text
        for _ in range(1 if r.random() < 0.7 else 2):
            text = misspell(text, r)
        return text


CONFUSED = [("eau", "o"), ("au", "o"), ("ph", "f"), ("ai", "é"), ("é", "er"), ("qu", "k"), ("ss", "s"), ("tt", "t"), ("ll", "l"),
            ("nn", "n"), ("mm", "m"), ("pp", "p"), ("c", "s"), ("s", "ss"), ("t", "tt"), ("n", "nn"), ("l", "ll"), ("an", "en"),
            ("en", "an"), ("in", "ain"), ("i", "y"), ("y", "i"), ("ou", "oo"), ("gg", "g"), ("ie", "ei"), ("ei", "ie"), ("th", "t"),
            ("ch", "sh"), ("z", "s"), ("er", "é"), ("e ", " "), ("s ", " "), ("x", "s"), ("oe", "e"), ("k", "c"), ("ck", "k"), ("h", ""),
            ("ge", "j"), ("gu", "g"), ("è", "ai"), ("eu", "oe"), ("our", "or"), ("-", ""), (" ", "")]


def misspell(text, r):
    if len(text) < 5:
        return text
    i = r.randrange(1, len(text) - 1)
    kind = r.random()
    if kind < 0.2:
        return text[:i] + text[i + 1:]
    if kind < 0.36:
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    if kind < 0.5:
        return text[:i] + text[i] + text[i:]
    if kind < 0.6:
        return text[:i] + r.choice("abcdefghijklmnopqrstuvwxyz") + text[i + 1:]
    wrong = [(a, b) for a, b in CONFUSED if a in text]
    if not wrong:
        return text
    a, b = r.choice(wrong)
    at = r.choice([k for k in range(len(text)) if text.startswith(a, k)])
    return text[:at] + b + text[at + len(a):]


def noisy_title(title, r):
    """A title as a shopper would half remember it; mostly whole."""
    parts = title.split()
    if r.random() < 0.35 and len(parts) > 3:
        parts = [p for p in parts if r.random() > 0.2] or parts
    text = " ".join(parts)
    return misspell(text, r) if r.random() < 0.08 else text


def concatenated(possible):
    """Known.possible -> (N, all values) f32, the fields side by side."""
    return np.concatenate([possible[f] for f in FIELDS], 1)


@functools.cache
def spans():
    out, at = {}, 0
    for f in FIELDS:
        out[f] = slice(at, at + len(names(f)))
        at += len(names(f))
    return out


def wanted(captions):
    """[{field: allowed}] -> (T, all values) bool; a field not named allows everything."""
    out = np.ones((len(captions), spans()[FIELDS[-1]].stop), bool)
    for i, want in enumerate(captions):
        for field, values in want.items():
            out[i, spans()[field]] = values
    return out
