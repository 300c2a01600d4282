"""The resize of docs/model-package.md, and the synthetic pictures of its golden vectors."""
import numpy as np
from PIL import Image, ImageOps


def flatten(image):
    """EXIF-rotated 8-bit RGB; alpha over white."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA")).astype(np.int32)
        alpha = rgba[..., 3:]
        return Image.fromarray(((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8))
    return image.convert("RGB")


def fit_size(w, h, side):
    if w >= h:
        return side, max(1, (2 * h * side + w) // (2 * w))
    return max(1, (2 * w * side + h) // (2 * h)), side


def letterbox(array, side, mode="edge"):
    h, w = array.shape[:2]
    left, top = (side - w) // 2, (side - h) // 2
    widths = ((top, side - h - top), (left, side - w - left)) + ((0, 0),) * (array.ndim - 2)
    return np.pad(array, widths, mode=mode)


def fit(image, side):
    """Picture -> (side, side, 3) u8, as the C program does it."""
    image = flatten(image)
    return letterbox(np.asarray(image.resize(fit_size(*image.size, side), Image.BILINEAR)), side)


TSHIRT = [(70, 50), (85, 62), (115, 62), (130, 50), (190, 90), (170, 130), (145, 115),
          (145, 260), (55, 260), (55, 115), (30, 130), (10, 90)]
TROUSERS = [(18, 6), (42, 6), (48, 74), (34, 74), (30, 28), (26, 74), (12, 74)]


def polygon(w, h, corners, inside, outside):
    px, py = np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)
    odd = np.zeros((h, w), bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        if y0 != y1:
            odd ^= ((y0 <= py) != (y1 <= py)) & (px < x0 + (py - y0) * (x1 - x0) / (y1 - y0))
    return np.where(odd[..., None], np.uint8(inside), np.uint8(outside))


def golden_pictures():
    y, x = np.mgrid[0:300, 0:200]
    yield "gradient", np.stack([x * 255 // 199, y * 255 // 299, np.full_like(x, 128)], -1).astype(np.uint8)
    y, x = np.mgrid[0:111, 0:333]
    odd = ((x // 25 + y // 25) % 2)[..., None]
    yield "checker", np.where(odd, np.uint8([230, 230, 230]), np.uint8([40, 60, 160]))
    s, noise = 7, []
    for _ in range(120 * 170 * 3):
        s = (s * 1664525 + 1013904223) & 0xFFFFFFFF
        noise.append(s >> 24)
    yield "noise", np.uint8(noise).reshape(170, 120, 3)
    yield "tshirt", polygon(200, 300, TSHIRT, [200, 30, 40], [255, 255, 255])
    yield "trousers", polygon(60, 80, TROUSERS, [30, 40, 90], [240, 240, 240])
    yield "white", np.full((64, 64, 3), 255, np.uint8)
