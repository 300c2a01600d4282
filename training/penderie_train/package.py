"""Reads a model package as the C program does: OpenVINO, precision pinned, files checked."""
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import openvino as ov
import openvino_tokenizers  # noqa: F401 - registers the tokenizer operations
from PIL import Image

from .resize import fit, flatten


class Package:
    def __init__(self, folder, precision=None, threads=2):
        folder = Path(folder)
        self.manifest = m = json.loads((folder / "manifest.json").read_text())
        for name, f in m["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == f["sha256"], name
        self.core = ov.Core()
        how = {"INFERENCE_PRECISION_HINT": precision or m["precision"], "INFERENCE_NUM_THREADS": threads}
        self.image = self.core.compile_model(folder / m["image"]["file"], "CPU", how)
        self.text = self.core.compile_model(folder / m["text"]["file"], "CPU", how)
        self.tokenizer = self.core.compile_model(folder / m["text"]["tokenizer"], "CPU", how)

    def pictures(self, pixels):
        """(N, side, side, 3) u8 -> {output: (N, ...) f32}"""
        image = self.manifest["image"]
        x = (pixels.astype(np.float32) - np.float32(image["mean"])) / np.float32(image["std"])
        found = self.image({image["input"]: np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
        pieces = self.manifest.get("pieces", {})
        names = [image["embedding"]] + [h["output"] for h in self.manifest["heads"]] + [pieces[k] for k in ("score", "box") if k in pieces]
        return {n: found[n].copy() for n in names}

    def resized(self, picture):
        """PIL picture -> (side, side, 3) u8, as the manifest says."""
        image, picture = self.manifest["image"], flatten(picture)
        if image["resize"]["fit"] == "crop":
            w, h = picture.size
            side = min(w, h)
            left, top = (w - side) // 2, (h - side) // 2
            picture = picture.crop((left, top, left + side, top + side))
        return fit(picture, image["width"])

    def read(self, archive, names):
        """Pictures of a zip file -> (N, side, side, 3) u8"""
        return np.stack([self.resized(Image.open(io.BytesIO(archive.read(n)))) for n in names])

    def tokens(self, texts):
        found = self.tokenizer(texts)
        inputs = self.manifest["text"]["inputs"]
        return found[inputs["ids"]].copy(), found[inputs["mask"]].copy()

    def texts(self, texts):
        """[str] -> (N, dimensions) f32"""
        ids, mask = self.tokens(texts)
        inputs = self.manifest["text"]["inputs"]
        return self.text({inputs["ids"]: ids, inputs["mask"]: mask})[self.manifest["text"]["output"]].copy()
