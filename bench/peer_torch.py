"""Peer 1: what a tutorial leads to. FastAPI, PIL, a network of CLIP ViT-B/32's size in torch (random weights: the time
is the same, the answers mean nothing), and FAISS's flat index over random vectors. One process, torch on all cores.

  PEER_ROWS=40000 uvicorn --app-dir bench peer_torch:app
"""
import io
import os
import zlib

import faiss
import numpy
import torch
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from PIL import Image, ImageOps
from torch import nn

ROWS, DIM = int(os.environ.get("PEER_ROWS", 40000)), 512
MEAN = torch.tensor([0.4815, 0.4578, 0.4082]).view(3, 1, 1)
STD = torch.tensor([0.2686, 0.2613, 0.2758]).view(3, 1, 1)


def transformer(width, heads, layers):
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


class Vision(nn.Module):
    """ViT-B/32 at 224 px: 49 patches and a class token, 12 layers of 768; 87.8 million weights."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 32, 32, bias=False)
        self.token = nn.Parameter(torch.randn(1, 1, 768) * .02)
        self.position = nn.Parameter(torch.randn(1, 50, 768) * .02)
        self.before, self.after = nn.LayerNorm(768), nn.LayerNorm(768)
        self.layers = transformer(768, 12, 12)
        self.out = nn.Linear(768, DIM, bias=False)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        x = self.out(self.after(self.layers(self.before(x))[:, 0]))
        return x / x.norm(dim=-1, keepdim=True)


class Text(nn.Module):
    """CLIP's text tower: 77 tokens, 12 layers of 512, causal; 37.8 million weights with the vocabulary."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(49408, 512)
        self.position = nn.Parameter(torch.randn(1, 77, 512) * .01)
        self.layers = transformer(512, 8, 12)
        self.after, self.out = nn.LayerNorm(512), nn.Linear(512, DIM, bias=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(77))

    def forward(self, ids, end):
        x = self.after(self.layers(self.words(ids) + self.position, mask=self.mask, is_causal=True))
        x = self.out(x[:, end])
        return x / x.norm(dim=-1, keepdim=True)


torch.manual_seed(1)
vision, text = Vision().eval(), Text().eval()
index = faiss.IndexFlatIP(DIM)
vectors = numpy.random.default_rng(1).standard_normal((ROWS, DIM), numpy.float32)
faiss.normalize_L2(vectors)
index.add(vectors)
del vectors
one_at_a_time = CapacityLimiter(1)  # torch uses all cores for one picture; two at once are slower
app = FastAPI()


def answer(vector, limit):
    scores, rows = index.search(vector.numpy(), limit)
    return {"items": [{"id": str(row), "score": float(score)} for row, score in zip(rows[0], scores[0])]}


def by_picture(body, limit):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
    scale = 224 / min(picture.size)
    picture = picture.resize([max(224, round(side * scale)) for side in picture.size], Image.Resampling.BICUBIC)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    picture = picture.crop((left, top, left + 224, top + 224))
    x = (torch.from_numpy(numpy.asarray(picture).copy()).permute(2, 0, 1) / 255 - MEAN) / STD
    with torch.inference_mode():
        return answer(vision(x[None]), limit)


def by_words(words, limit):
    ids = [49406] + [zlib.crc32(w.encode()) % 49000 for w in words.lower().split()][:75] + [49407]
    end = len(ids) - 1
    with torch.inference_mode():
        return answer(text(torch.tensor([ids + [0] * (77 - len(ids))]), end), limit)


@app.get("/readyz")
def readyz():
    return {"ready": True}


@app.post("/v1/recommendations")
async def recommendations(request: Request, limit: int = 10):
    return await to_thread.run_sync(by_picture, await request.body(), limit, limiter=one_at_a_time)


@app.get("/v1/search")
async def search(q: str, limit: int = 10):
    return await to_thread.run_sync(by_words, q, limit, limiter=one_at_a_time)
