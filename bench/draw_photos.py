#!/usr/bin/env python3
"""Draws photos as a phone takes them: 4000 x 3000 JPEG of 3 to 5 MB with EXIF (orientation, camera, thumbnail-free),
a garment on a bed or a wall under uneven light, with the grain of a small sensor. And the same at 1,024 px, as an app
sends them that shrinks first.

  draw_photos.py DIR [COUNT]     writes DIR/full-NN.jpg and DIR/small-NN.jpg; the same COUNT gives the same pictures
"""
import os
import sys

import numpy
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 4000, 3000
GARMENTS = {  # polygons in hundredths of the shorter side, around the middle
    "t-shirt": [(-28, -34), (-12, -40), (12, -40), (28, -34), (46, -14), (34, -2), (24, -10), (24, 40), (-24, 40),
                (-24, -10), (-34, -2), (-46, -14)],
    "trousers": [(-20, -42), (20, -42), (26, 44), (6, 44), (0, -14), (-6, 44), (-26, 44)],
    "dress": [(-14, -44), (-7, -44), (0, -38), (7, -44), (14, -44), (16, -12), (32, 44), (-32, 44), (-16, -12)],
    "bag": [(-30, -8), (-18, -8), (-12, -34), (12, -34), (18, -8), (30, -8), (34, 36), (-34, 36)],
}
COLOURS = [(32, 44, 92), (170, 34, 44), (20, 20, 24), (210, 190, 150), (60, 110, 70), (228, 228, 224), (150, 80, 140)]


def surface(rng, width, height):
    """Light that falls off to a side over wood or cloth: (height, width, 3) f32."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    base = rng.uniform(110, 210, 3).astype(numpy.float32)
    light = 1.1 - .35 * (x / width * rng.uniform(-1, 1) + y / height * rng.uniform(0, 1))
    grain = 6 * numpy.sin(x / rng.uniform(9, 30) + 3 * numpy.sin(y / rng.uniform(200, 500)))
    return base * light[..., None] + grain[..., None]


def garment(rng, n, width, height):
    """The piece with folds and a woven texture, and where it lies: (height, width, 3) f32, (height, width) f32."""
    name = list(GARMENTS)[n % len(GARMENTS)]
    turn = rng.uniform(-.15, .15)
    unit = min(width, height) / 100
    at = [(width / 2 + unit * (x * numpy.cos(turn) - y * numpy.sin(turn)),
           height / 2 + unit * (x * numpy.sin(turn) + y * numpy.cos(turn))) for x, y in GARMENTS[name]]
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon(at, fill=255)
    mask = numpy.asarray(mask.filter(ImageFilter.GaussianBlur(3)), numpy.float32) / 255
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    folds = 1 + .12 * numpy.sin(x / rng.uniform(90, 200) + y / rng.uniform(200, 400)) + .05 * numpy.sin(y / 61 + x / 173)
    weave = 5 * numpy.sin(x * 1.9) * numpy.sin(y * 1.9)
    stripes = 35 * (numpy.sin(y / 40) > .3) if n % 3 == 2 else 0
    colour = numpy.array(COLOURS[n % len(COLOURS)], numpy.float32)
    return colour * folds[..., None] + (weave + stripes)[..., None], mask


def draw(n):
    rng = numpy.random.default_rng(1000 + n)
    piece, mask = garment(rng, n, WIDTH, HEIGHT)
    picture = surface(rng, WIDTH, HEIGHT) * (1 - mask[..., None]) + piece * mask[..., None]
    return noisy(rng, picture, 4.2 + .45 * (n % 6))


def noisy(rng, picture, sigma):
    """The grain of a sensor, which is most of what a JPEG's size comes from."""
    grey = sigma * rng.standard_normal((*picture.shape[:2], 1), numpy.float32)
    colour = .35 * sigma * rng.standard_normal(picture.shape, numpy.float32)
    return Image.fromarray(numpy.clip(picture + grey + colour, 0, 255).astype(numpy.uint8))


def save(picture, path, turned, quality):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Penderie", "Bench 1"  # make, model
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6  # to be shown a quarter turn clockwise
    picture.save(path, quality=quality, subsampling="4:2:0", exif=exif)


def main(folder, count):
    os.makedirs(folder, exist_ok=True)
    for n in range(count):
        full, small = os.path.join(folder, f"full-{n:02}.jpg"), os.path.join(folder, f"small-{n:02}.jpg")
        if os.path.exists(full) and os.path.exists(small):
            continue
        picture = draw(n)
        reduced = numpy.asarray(picture.resize((1024, 768), Image.Resampling.LANCZOS), numpy.float32)
        save(noisy(numpy.random.default_rng(n), reduced, 3.5), small, False, 88)
        # A phone holds the sensor's long side level; held upright, it notes the turn in EXIF instead of turning.
        picture = picture if n % 2 == 0 else picture.transpose(Image.Transpose.ROTATE_270)
        save(picture, full, n % 2 == 1, 92)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 6)
