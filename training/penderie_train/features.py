"""Step 3a: the backbone is locked; what it says about every training picture, exact and augmented, is stored."""
import argparse
from pathlib import Path

import numpy as np
import openvino as ov
import timm
import torch

from . import augment, drawn
from .calibrate import to_input
from .model import ImageTower
from .negatives import negatives
from .progress import Progress
from .resize import fit
from .settings import SIDE, WORK
from .train import Pictures

BATCH = 64


class Locked:
    """The averaged backbone, compiled for this processor; PyTorch on a GPU. bf16 is exact enough for what is stored as f16
    and dropped out a tenth, and takes half the time."""

    def __init__(self, backbone):
        if torch.cuda.is_available():
            backbone = backbone.cuda()
            self.run = lambda x: backbone(x.cuda()).cpu().numpy()
            return
        model = ov.convert_model(backbone, example_input=torch.zeros(2, 3, SIDE, SIDE), input=[-1, 3, SIDE, SIDE])
        compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": torch.get_num_threads()})
        self.run = lambda x: compiled(x.numpy())[0]

    @torch.no_grad()
    def __call__(self, pixels):
        return self.run(pixels.contiguous()).astype(np.float16)


def averaged_backbone():
    tower = ImageTower(timm.create_model("tf_efficientnet_lite0", num_classes=0))
    tower.load_state_dict(torch.load(WORK / "joint.pt", map_location="cpu", weights_only=True)["ema"])
    return tower.eval().backbone


def enlarged(array):
    """Products were decoded at 80 px; the exact resize enlarges the original in one go, which this repeats."""
    from PIL import Image
    return np.stack([fit(Image.fromarray(a), SIDE) for a in array])


def parts(pictures, o):
    """(name, number of pictures, function of a slice -> pixels in -1..1)"""
    products, photos = pictures.product_index, pictures.photo_index

    def rooms(count):
        return pictures.tensor(pictures.photos[np.random.choice(photos, count)])

    def laid(part):
        index = products[part]
        masks = torch.from_numpy(pictures.masks[index]).float()[:, None]
        return augment.product_views(pictures.tensor(pictures.products[index]), masks, rooms(24), SIDE, cut_share=0.4) * 2 - 1

    yield "products", len(products), lambda part: to_input(enlarged(pictures.products[products[part]]))
    yield "photos", len(photos), lambda part: to_input(enlarged(pictures.photos[photos[part]]))
    for k in range(o.product_views):
        yield f"products-view{k}", len(products), laid
    for k in range(o.photo_views):
        yield f"photos-view{k}", len(photos), lambda part: augment.photo_views(
            pictures.tensor(pictures.photos[photos[part]]), SIDE) * 2 - 1
    if drawn.FOLDER:
        drawings = drawn.pictures()
        yield "drawn", len(drawings), lambda part: to_input(enlarged(drawings[part]))
        for k in range(o.drawn_views):
            yield f"drawn-view{k}", len(drawings), lambda part: augment.photo_views(
                pictures.tensor(drawings[part]), SIDE, hard=k > 0) * 2 - 1
    yield "negatives", o.negatives, lambda part: negatives(rooms(24), part.stop - part.start, SIDE) * 2 - 1


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--product-views", type=int, default=1)
    ap.add_argument("--photo-views", type=int, default=6)
    ap.add_argument("--drawn-views", type=int, default=3)
    ap.add_argument("--negatives", type=int, default=3000)
    ap.add_argument("--seed", type=int, default=2)
    ap.add_argument("--only", default="", metavar="PREFIX", help="only what begins so, to run several at once on a busy machine")
    o = ap.parse_args()
    torch.manual_seed(o.seed)
    np.random.seed(o.seed)
    backbone, pictures = Locked(averaged_backbone()), Pictures("cpu")
    folder = Path(WORK / "features")
    folder.mkdir(exist_ok=True)
    for name, count, pixels in parts(pictures, o):
        if not name.startswith(o.only) or (folder / f"{name}.npy").exists():
            continue
        found = [backbone(pixels(slice(i, min(i + BATCH, count)))) for i in Progress(range(0, count, BATCH), name)]
        np.save(folder / f"{name}.npy", np.concatenate(found))


if __name__ == "__main__":
    main()
