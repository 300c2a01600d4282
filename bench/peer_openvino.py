"""Peer 2: the best that a Python service makes of the same model. FastAPI, one worker process a core, our own package
in OpenVINO's Python API on one thread each, JPEGs decoded at an eighth of their size (PIL's draft mode), and FAISS's flat index
over random vectors. It does none of what Penderie does besides (pieces, colours, filters, reasons, full text).

  PEER_ROWS=40000 PEER_MODEL=models/penderie-fashion uvicorn --app-dir bench --workers 2 peer_openvino:app
"""
import io
import json
import os

import faiss
import numpy
import openvino
import openvino_tokenizers  # noqa: F401 - registers the tokenizer's operations
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from PIL import Image, ImageOps

ROWS = int(os.environ.get("PEER_ROWS", 40000))
MODEL = os.environ.get("PEER_MODEL", "models/penderie-fashion")
with open(os.path.join(MODEL, "manifest.json"), encoding="utf-8") as f:
    manifest = json.load(f)
DIM, SIDE = manifest["dimensions"], manifest["image"]["width"]
MEAN = numpy.array(manifest["image"]["mean"], numpy.float32)
STD = numpy.array(manifest["image"]["std"], numpy.float32)

faiss.omp_set_num_threads(1)
core = openvino.Core()


def compiled(name):
    return core.compile_model(os.path.join(MODEL, name), "CPU", {
        "INFERENCE_PRECISION_HINT": manifest.get("precision", "f32"), "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})


vision = compiled(manifest["image"]["file"]).create_infer_request()
tokenizer = compiled(manifest["text"]["tokenizer"]).create_infer_request()
text = compiled(manifest["text"]["file"]).create_infer_request()
index = faiss.IndexFlatIP(DIM)
vectors = numpy.random.default_rng(1).standard_normal((ROWS, DIM), numpy.float32)
faiss.normalize_L2(vectors)
index.add(vectors)
del vectors
one_at_a_time = CapacityLimiter(1)
app = FastAPI()


def answer(vector, limit):
    scores, rows = index.search(vector, limit)
    return {"items": [{"id": str(row), "score": float(score)} for row, score in zip(rows[0], scores[0])]}


def by_picture(body, limit):
    picture = Image.open(io.BytesIO(body))
    picture.draft("RGB", (2 * SIDE, 2 * SIDE))
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = SIDE / max(picture.size)
    picture = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.BILINEAR)
    pixels = numpy.asarray(picture)
    down, right = SIDE - pixels.shape[0], SIDE - pixels.shape[1]
    pixels = numpy.pad(pixels, ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0)), "edge")
    x = ((pixels - MEAN) / STD).transpose(2, 0, 1)[None]
    vision.infer({manifest["image"]["input"]: numpy.ascontiguousarray(x)})
    return answer(vision.get_tensor(manifest["image"]["embedding"]).data, limit)


def by_words(words, limit):
    tokenizer.infer([openvino.Tensor([words])])
    names = manifest["text"]["inputs"]
    text.infer({names["ids"]: tokenizer.get_tensor("input_ids"), names["mask"]: tokenizer.get_tensor("attention_mask")})
    return answer(text.get_tensor(manifest["text"]["output"]).data, limit)


@app.get("/readyz")
def readyz():
    return {"ready": True}


@app.post("/v1/recommendations")
async def recommendations(request: Request, limit: int = 10):
    return await to_thread.run_sync(by_picture, await request.body(), limit, limiter=one_at_a_time)


@app.get("/v1/search")
async def search(q: str, limit: int = 10):
    return await to_thread.run_sync(by_words, q, limit, limiter=one_at_a_time)
