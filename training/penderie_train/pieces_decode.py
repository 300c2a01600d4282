"""From the piece detector's two outputs to boxes, as docs/model-package.md says and src/infer/pieces.c does: to the bit."""
import numpy as np


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = w * h if w > 0 and h > 0 else 0.0
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner) if inner else 0.0


def boxes_of_cells(distance, grid, stride, window):
    """(4 x cells) f32 -> (cells, 4) f64 corners, cut to `window` (x0, y0, x1, y1): the picture without its padding."""
    d = np.asarray(distance, np.float64).reshape(4, grid * grid)
    y, x = (v.reshape(-1) * stride + stride * 0.5 for v in np.mgrid[0:grid, 0:grid].astype(np.float64))
    x0, y0, x1, y1 = window
    return np.stack([np.maximum(x - d[0], x0), np.maximum(y - d[1], y0), np.minimum(x + d[2], x1), np.minimum(y + d[3], y1)], 1)


def decode(score, distance, grid, stride, threshold, nms, most, window=None):
    """-> [(corners (4,) f64, score)], best first. Of two cells with one score the first in reading order wins."""
    boxes = boxes_of_cells(distance, grid, stride, window or (0, 0, grid * stride, grid * stride))
    score = np.asarray(score, np.float32)
    found = []
    for cell in np.argsort(-score, kind="stable"):
        if len(found) == most or not score[cell] >= np.float32(threshold):
            break
        box = boxes[cell]
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            continue
        if all(iou(box, other) <= nms for other, _ in found):
            found.append((box, float(score[cell])))
    return found


def fractions(found, window):
    """Corners -> x, y, width, height as parts of the picture, f32."""
    x0, y0, x1, y1 = window
    w, h = x1 - x0, y1 - y0
    return [tuple(np.float32(v) for v in ((b[0] - x0) / w, (b[1] - y0) / h, (b[2] - b[0]) / w, (b[3] - b[1]) / h)) for b, _ in found]


# ---- goldens: what tests/unit/test_infer_pieces.c expects, to the bit ----

CASES = [  # grid, stride, threshold, nms, most, window, seed
    (20, 8, 0.9, 0.5, 6, (0, 0, 160, 160), 1), (20, 8, 0.3, 0.5, 6, (27, 0, 133, 160), 2), (20, 8, 0.5, 0.0, 6, (0, 53, 160, 107), 3),
    (20, 8, 0.999, 0.5, 6, (0, 0, 160, 160), 4), (20, 8, 1.0, 0.5, 6, (0, 0, 160, 160), 5), (5, 32, 0.25, 0.9, 6, (0, 20, 160, 140), 6),
    (20, 8, 0.3, 0.75, 2, (79, 0, 80, 160), 7), (1, 160, 0.001, 0.5, 6, (0, 0, 160, 160), 8), (28, 8, 0.6, 0.25, 3, (1, 0, 223, 224), 9),
]


def generated(grid, seed):
    """Scores in steps of 1/64, so that many are the same, and distances in steps of 1/16 pixel."""
    s, values = seed, []
    for _ in range(5 * grid * grid):
        s = (s * 1664525 + 1013904223) & 0xFFFFFFFF
        values.append(s >> 16)
    n = grid * grid
    return np.float32(np.array(values[:n]) // 1024 / 64), np.float32(np.array(values[n:]) // 64 / 16)


def goldens():
    for grid, stride, threshold, nms, most, window, seed in CASES:
        found = decode(*generated(grid, seed), grid, stride, threshold, nms, most, window)
        yield {"grid": grid, "stride": stride, "threshold": threshold, "nms": nms, "most": most, "window": window, "seed": seed,
               "found": [[*(float(v) for v in box), score] for box, (_, score) in zip(fractions(found, window), found)]}


if __name__ == "__main__":
    import json
    print("[\n" + ",\n".join(json.dumps(case) for case in goldens()) + "\n]")
