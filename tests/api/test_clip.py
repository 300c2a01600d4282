"""A CLIP-like model as a package: training/penderie_train/clip.py makes one of a small random CLIP, and the program runs it.

Needs what training/requirements.txt names; PENDERIE_TRAINING_PYTHON is the interpreter that has it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from penderie import BINARY, ROOT

PYTHON = os.environ.get("PENDERIE_TRAINING_PYTHON", sys.executable)
COMPARE = """
import json, sys
from PIL import Image
from penderie_train.package import Package
model = Package(sys.argv[1])
found = model.pictures(model.resized(Image.open(sys.argv[2]))[None])
print(json.dumps({h["field"]: [h["labels"][int(found[h["output"]][0].argmax())], float(found[h["output"]][0].max())] for h in model.manifest["heads"]}))
"""


def python(*arguments):
    return subprocess.run([PYTHON, "-W", "ignore", *map(str, arguments)], capture_output=True, text=True, timeout=900, cwd=ROOT / "training")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    if python("-c", "import torch, transformers, openvino_tokenizers, onnxscript").returncode:
        pytest.skip("transformers and what else training/requirements.txt names is not installed (PENDERIE_TRAINING_PYTHON)")
    folder = tmp_path_factory.mktemp("clip") / "package"
    done = python("-m", "penderie_train.clip", "--random", 5, "--out", folder, "--name", "random-clip")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_labels_are_those_of_python(package, drawn, tmp_path):
    pictures = tmp_path / "d"
    made = subprocess.run([BINARY, "demo", "--draw-only", pictures, "--seed", "77", "--products", "3"], capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    picture = sorted(pathlib.Path(pictures).glob("images/*"))[0]
    done = subprocess.run([BINARY, "label", "--json", "--model", package, picture], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["model"] == "random-clip 1.0.0"
    want = json.loads(python("-c", COMPARE, package, picture).stdout)
    assert set(want) == {"category", "gender", "colour", "season", "style", "garment"}
    assert answer["categories"][0]["probability"] == pytest.approx(want["category"][1], abs=0.01)
    for field in ("gender", "season", "style"):
        assert answer["probabilities"][field] == pytest.approx(want[field][1], abs=0.01)


def test_catalogue_with_it(package, tmp_path):
    """Import and search: text tower, tokenizer and 32 dimensions all the way."""
    pictures = tmp_path / "d"
    made = subprocess.run([BINARY, "demo", "--draw-only", pictures, "--seed", "78", "--products", "4"], capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    data, own = tmp_path / "data", ["--set", f"model_dir={package}"]
    done = subprocess.run([BINARY, "import", "--data", data, "--feed", pictures / "feed.tsv", "--images", pictures / "images", *own],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    queries = tmp_path / "q.txt"
    queries.write_text("une robe rouge\nT-shirt\n", encoding="utf-8")
    done = subprocess.run([BINARY, "search", "--data", data, "--json", "--limit", "3", "--queries", queries, *own], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 2 and all(a["items"] for a in answers)
