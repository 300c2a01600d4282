"""Step 1: decode every picture once into u8 arrays, with a mask of what is not white background for products."""
import io
import zipfile

import numpy as np
from PIL import Image

from . import labels
from .progress import Progress
from .resize import fit
from .settings import DATA, PHOTO_SIDE, PRODUCT_SIDE, WORK


def background(near_white):
    """(N, S, S) bool -> the part of it connected to the border."""
    reached = np.zeros_like(near_white)
    reached[:, 0], reached[:, -1], reached[:, :, 0], reached[:, :, -1] = (
        near_white[:, 0], near_white[:, -1], near_white[:, :, 0], near_white[:, :, -1])
    while True:
        grown = reached.copy()
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown[:, :, 1:] |= reached[:, :, :-1]
        grown[:, :, :-1] |= reached[:, :, 1:]
        grown &= near_white
        if (grown == reached).all():
            return grown
        reached = grown


def decode(name, keys, side):
    out = np.lib.format.open_memmap(WORK / f"{name}.npy", "w+", np.uint8, (len(keys), side, side, 3))
    with zipfile.ZipFile(DATA / f"{name}.zip") as z:
        for i, key in enumerate(Progress(keys, name)):
            out[i] = fit(Image.open(io.BytesIO(z.read(f"{name}/{key}.jpg"))), side)
    return out


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    decode("photos", [r["image"] for r in labels.photos()], PHOTO_SIDE)
    pictures = decode("products", [r["id"] for r in labels.products()], PRODUCT_SIDE)
    mask = np.concatenate([~background(pictures[i:i + 500].min(3) >= 238) for i in range(0, len(pictures), 500)])
    np.save(WORK / "products-mask.npy", mask)
    print(f"{len(pictures)} products, {mask.mean():.3f} of their pixels are not background")


if __name__ == "__main__":
    main()
