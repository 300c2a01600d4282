"""`penderie evaluate` against the same figures computed here from what `label` and `recommend` answer."""

import csv
import json
import math
import os
import sqlite3
import subprocess

import pytest

from penderie import BINARY, ROOT

SHARED = ROOT.parent / "shared"


def penderie(*arguments, **kw):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=900, env={**os.environ}, **kw)


def lines(*arguments):
    done = penderie(*arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """A folder of drawn products whose labels are known."""
    folder = tmp_path_factory.mktemp("drawings") / "d"
    done = penderie("demo", "--draw-only", folder, "--seed", 4321, "--products", 24)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, list(csv.DictReader(open(folder / "labels.csv", encoding="utf-8")))


def write(path, rows, columns):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(columns)
        w.writerows(rows)
    return path


def interval(hits, n, z=1.96):
    p = hits / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def test_figures(drawings, drawn, tmp_path):
    folder, rows = drawings
    labels = write(tmp_path / "labels.csv", [(r["path"], r["category"] + "|bag", r["gender"], r["colour"]) for r in rows],
                   ["image", "category", "gender", "colour"])
    picture = tmp_path / "matrix.png"
    done = penderie("evaluate", "--photos", folder, "--labels", labels, "--data", drawn, "--json", "--confusion", picture)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    read = lines("label", "--json", *(folder / r["path"] for r in rows))
    hits = [a["category"] in (r["category"], "bag") for a, r in zip(read, rows)]
    figure = found["figures"]["category_accuracy"]
    assert figure["n"] == len(rows) == found["pictures"]
    assert figure["value"] == pytest.approx(sum(hits) / len(hits), abs=6e-5)
    assert figure["interval"] == pytest.approx(interval(sum(hits), len(hits)), abs=1e-3)
    for field in ("gender", "colour"):
        right = sum(a[field] == r[field] for a, r in zip(read, rows))
        assert found["figures"][f"{field}_accuracy"]["value"] == pytest.approx(right / len(rows), abs=6e-5)
    assert "style_accuracy" not in found["figures"]  # no such column
    sure = [h for a, h in zip(read, hits) if a["sure"]]
    assert found["figures"]["sure_share"]["value"] == pytest.approx(len(sure) / len(rows), abs=6e-5)
    if sure:
        assert found["figures"]["sure_accuracy"]["value"] == pytest.approx(sum(sure) / len(sure), abs=6e-5)
    bins = {}
    for a, h in zip(read, hits):
        p = a["categories"][0]["probability"]
        bins.setdefault(min(int(p * 10), 9), []).append(p - h)
    error = sum(abs(sum(b)) for b in bins.values()) / len(rows)
    assert found["figures"]["category_calibration_error"]["value"] == pytest.approx(error, abs=0.02)  # a p at a bin's edge
    assert found["criterion"]["met"] == (figure["value"] >= 0.85)
    assert sum(c["n"] for c in found["classes"].values()) == len(rows)
    with sqlite3.connect(f"file:{drawn / 'catalog.db'}?mode=ro", uri=True) as db:
        category = dict(db.execute("SELECT id, category FROM product"))
    answers = lines("recommend", "--data", drawn, "--json", "--limit", "10", *(folder / r["path"] for r in rows))
    p10 = [sum(category[i["id"]] in (r["category"], "bag") for i in a["items"]) / 10 for a, r in zip(answers, rows)]
    assert found["figures"]["photo_to_product_p10"]["value"] == pytest.approx(sum(p10) / len(p10), abs=6e-5)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_is_wrong_is_said(drawings, tmp_path):
    folder, rows = drawings
    some = [(r["path"], r["category"]) for r in rows[:3]]
    bad = write(tmp_path / "columns.csv", some, ["file", "what"])
    done = penderie("evaluate", "--photos", folder, "--labels", bad)
    assert done.returncode == 2 and "columns image and category" in done.stderr
    lost = write(tmp_path / "lost.csv", [*some, ("nowhere.jpg", "dress")], ["image", "category"])
    done = penderie("evaluate", "--photos", folder, "--labels", lost)
    assert done.returncode == 1 and "line 5" in done.stderr and "nowhere.jpg" in done.stderr
    done = penderie("evaluate", "--photos", folder, "--labels", lost, "--skip-missing", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["missing"] == 1
    odd = write(tmp_path / "odd.csv", [(rows[0]["path"], "tee")], ["image", "category"])
    done = penderie("evaluate", "--photos", folder, "--labels", odd)
    assert done.returncode == 2 and 'no category "tee"' in done.stderr and "t-shirt" in done.stderr
    for arguments in (["--least", "2"], ["--confusion", "x.gif"]):
        done = penderie("evaluate", "--photos", folder, "--labels", lost, *arguments)
        assert done.returncode == 2 and arguments[0] in done.stderr
    done = penderie("evaluate", "--photos", tmp_path / "none", "--labels", lost)
    assert done.returncode == 1 and "no folder" in done.stderr


def test_styles(drawings, tmp_path):
    """Scores sum to 1, and a house's own file replaces ours without another model."""
    folder, rows = drawings
    picture = folder / rows[0]["path"]
    answer = lines("label", "--json", picture)[0]
    if "styles" not in answer:
        pytest.skip("the model package has no styles")
    assert set(answer["styles"]) == {"casual", "formal", "sport", "boheme", "party"}
    assert sum(answer["styles"].values()) == pytest.approx(1, abs=1e-3)
    own = {"styles": [{"name": "this", "pictures": [str(picture)]}, {"name": "that", "words": ["une bague en argent"]}]}
    file = tmp_path / "styles.json"
    file.write_text(json.dumps(own))
    again = lines("label", "--json", "--styles", file, picture)[0]
    assert set(again["styles"]) == {"this", "that"} and again["styles"]["this"] > 0.6
    file.write_text(json.dumps({"styles": [{"name": "this", "words": []}, {"name": "that", "words": ["x"]}]}))
    done = penderie("label", "--json", "--styles", file, picture)
    assert done.returncode == 2 and "neither words nor pictures" in done.stderr
