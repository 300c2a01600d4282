"""A CLIP-like model of the Hugging Face kind -> a model package (docs/model-package.md): FashionCLIP, Marqo-FashionSigLIP, ...

    python -m penderie_train.clip FOLDER-OR-NAME --out ../models/fashion-clip --name fashion-clip --version 1.0.0

Labels are read off the joint space: each value is described by a sentence made of the vocabulary's own words, and a picture has
the value whose sentence is nearest (zero-shot). --fit FIELD,... learns a linear head on the model's embeddings instead, from the
labelled products that training reads. There is no piece detector: pieces are then told apart on plain backgrounds only.

What differs from the original is written into the manifest: the program resamples with its own kernel, cuts out the middle square
where the original did (image.resize), and image.trained_with says what the original does.
"""
import argparse
import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import torch
import torch.nn.functional as F
from openvino_tokenizers import convert_tokenizer
from torch import nn

from .package import Package

VOCABULARY = Path(__file__).parents[2] / "vocabulary"
FIELDS = {"category": "categories.csv", "gender": "genders.csv", "colour": "colours.csv", "season": "seasons.csv", "style": "styles.csv"}
SENTENCE = {"category": "a photo of {}", "gender": "clothes for {}", "colour": "a photo of {} clothes", "season": "clothes for {}",
            "style": "{} clothes"}
GARMENT = {"no": ["a photo of a landscape", "a photo of an empty room", "a face", "noise", "a plain wall", "a floor"],
           "yes": ["a photo of clothes", "a garment", "a photo of shoes", "a bag", "a photo of a fashion product", "jewellery"]}
SURE = 0.5  # without labelled pictures nothing better is known; calibrate with `penderie evaluate`


def values(field):
    """-> names and sentences."""
    rows = list(csv.DictReader(open(VOCABULARY / FIELDS[field], newline="", encoding="utf-8")))
    return [r["name"] for r in rows], [SENTENCE[field].format(r["en"].lower()) for r in rows]


class Texts(nn.Module):
    """ids, mask of any length -> unit vectors. Models that were trained on texts of one length (SigLIP) get them so."""

    def __init__(self, model, pad, length):
        super().__init__()
        self.model, self.pad, self.length = model, pad, length

    def forward(self, ids, mask):
        if self.length:
            filled = torch.where(mask > 0, ids, torch.full_like(ids, self.pad))
            filled = torch.cat([filled, torch.full((1, self.length), self.pad, dtype=ids.dtype).expand(ids.shape[0], -1)], 1)
            found = self.model.get_text_features(input_ids=filled[:, :self.length])
        else:
            found = self.model.get_text_features(input_ids=ids, attention_mask=mask)
        return F.normalize(pooled(found), dim=1)


def pooled(found):
    """Newer versions of transformers give an object, older ones the vectors."""
    return found if isinstance(found, torch.Tensor) else found.pooler_output


class Pictures(nn.Module):
    """Pixels -> unit vector, and probabilities of each head: softmax of weight @ vector + bias."""

    def __init__(self, model, heads):
        super().__init__()
        self.model, self.order = model, list(heads)
        for field, (weight, bias) in heads.items():
            self.register_buffer(f"weight_{field}", weight)
            self.register_buffer(f"bias_{field}", bias)

    def forward(self, image):
        vector = F.normalize(pooled(self.model.get_image_features(pixel_values=image)), dim=1)
        return vector, *(torch.softmax(vector @ getattr(self, f"weight_{f}").T + getattr(self, f"bias_{f}"), 1) for f in self.order)


def byte_pairs(words, count=150):
    """A small vocabulary of CLIP's kind: all bytes, all bytes that end a word, then the commonest pairs, merged in turn."""
    from collections import Counter

    from tokenizers.pre_tokenizers import ByteLevel
    alphabet = sorted(ByteLevel.alphabet())
    tokens, merges = [*alphabet, *(c + "</w>" for c in alphabet)], []
    spelt = [[*w[:-1], w[-1] + "</w>"] for w in words if w.isascii() and w.isalpha()]
    for _ in range(count):
        pairs = Counter(p for w in spelt for p in zip(w, w[1:]))
        if not pairs:
            break
        a, b = max(pairs, key=lambda p: (pairs[p], p))
        merges.append((a, b))
        tokens.append(a + b)
        for w in spelt:
            i = 0
            while i < len(w) - 1:
                if (w[i], w[i + 1]) == (a, b):
                    w[i:i + 2] = [a + b]
                i += 1
    return {t: i for i, t in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}, merges


class Source:
    """The model with what the package must know of it."""

    def __init__(self, model, tokenizer, size, mean, std, crop, kernel, fixed_length):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.size, self.mean, self.std = size, [float(255 * v) for v in mean], [float(255 * v) for v in std]
        self.crop, self.kernel = crop, kernel
        longest = getattr(model.config.text_config, "max_position_embeddings", 64)
        self.max_tokens = min(64, longest)
        self.fixed_length = longest if fixed_length else 0
        self.scale = float(model.logit_scale.exp())
        self.dimensions = int(getattr(model.config, "projection_dim", 0) or model.config.text_config.hidden_size)
        self.texts = Texts(self.model, tokenizer.pad_token_id, self.fixed_length).eval()

    @staticmethod
    def load(name):
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
        model, how = AutoModel.from_pretrained(name), AutoImageProcessor.from_pretrained(name)
        size = how.crop_size["height"] if getattr(how, "do_center_crop", False) else how.size.get("height") or how.size["shortest_edge"]
        kernel = {0: "nearest", 1: "lanczos", 2: "triangle", 3: "cubic"}.get(int(getattr(how, "resample", 3) or 3), "cubic")
        return Source(model, AutoTokenizer.from_pretrained(name), size, how.image_mean, how.image_std,
                      bool(getattr(how, "do_center_crop", False)), kernel, "siglip" in model.config.model_type)

    @staticmethod
    def random(seed):
        """A CLIP of some 100,000 random weights: knows nothing, and has every part that a real one has."""
        from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizerFast, CLIPVisionConfig
        vocabulary, merges = byte_pairs(" ".join([s for f in FIELDS for s in values(f)[1]]).split())
        tokenizer = CLIPTokenizerFast(vocab=vocabulary, merges=merges, model_max_length=64)
        torch.manual_seed(seed)
        end = vocabulary["<|endoftext|>"]
        text = dict(vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                    max_position_embeddings=64, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)
        vision = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=64, patch_size=16)
        model = CLIPModel(CLIPConfig(text_config=CLIPTextConfig(**text).to_dict(), vision_config=CLIPVisionConfig(**vision).to_dict(),
                                     projection_dim=32))
        return Source(model, tokenizer, 64, [0.481, 0.458, 0.408], [0.269, 0.261, 0.276], True, "cubic", False)

    @torch.no_grad()
    def embed(self, texts):
        t = self.tokenizer(texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        return self.texts(t["input_ids"], t.get("attention_mask", torch.ones_like(t["input_ids"])))


def zero_shot(source):
    """-> {field: (labels, weight, bias)}"""
    heads = {}
    for field in FIELDS:
        names, sentences = values(field)
        heads[field] = (names, source.scale * source.embed(sentences), torch.zeros(len(names)))
    sides = [F.normalize(source.embed(GARMENT[k]).mean(0), dim=0) for k in ("no", "yes")]
    heads["garment"] = (["no", "yes"], source.scale * torch.stack(sides), torch.zeros(2))
    return heads


def fitted(heads, fields, folder, limit=12000, rounds=400):
    """Linear heads on the embeddings of labelled products, but those whose id ends in 7: these give the temperature."""
    import zipfile

    from . import labels
    from .calibrate import temperature
    from .progress import Progress
    from .settings import DATA
    model = Package(folder)
    rows = labels.products()
    rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))[:limit]]
    with zipfile.ZipFile(DATA / "products.zip") as archive:
        found = [model.pictures(model.read(archive, [f"products/{r['id']}.jpg" for r in rows[i:i + 32]]))[model.manifest["image"]["embedding"]]
                 for i in Progress(range(0, len(rows), 32), "products")]
    x, known = torch.from_numpy(np.concatenate(found)), labels.known_products(rows)
    unseen = torch.tensor([labels.held_out_product(r) for r in rows])
    for field in fields:
        truth = torch.from_numpy(known.single(field))
        names = labels.names(field)
        head = nn.Linear(x.shape[1], len(names))
        optimizer = torch.optim.AdamW(head.parameters(), lr=0.05, weight_decay=1e-4)
        train = (truth >= 0) & ~unseen
        for _ in range(rounds):
            optimizer.zero_grad()
            F.cross_entropy(20 * head(x[train]), truth[train]).backward()
            optimizer.step()
        with torch.no_grad():
            test = (truth >= 0) & unseen
            logits = 20 * head(x[test])
            t = temperature(logits, F.one_hot(truth[test], len(names)).float(), torch.ones(int(test.sum())))
            print(f"{field}: {(logits.argmax(1) == truth[test]).float().mean():.3f} of {int(test.sum())} products not trained on")
            heads[field] = (names, 20 * head.weight.detach() / t, 20 * head.bias.detach() / t)
    return heads


def export(source, heads, out):
    from .export import store_as_half
    out.mkdir(parents=True, exist_ok=True)
    pictures = Pictures(source.model, {f: (w, b) for f, (_, w, b) in heads.items()}).eval()
    program = torch.onnx.export(pictures, (torch.zeros(2, 3, source.size, source.size),), dynamo=True, optimize=True, input_names=["image"],
                                output_names=["embedding", *heads], verbose=False,
                                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},))
    model = program.model_proto
    store_as_half(model.graph)
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, out / "image.onnx")
    ids = source.tokenizer(["a shirt", "a red dress"], padding=True, return_tensors="pt")["input_ids"]
    text = ov.convert_model(source.texts, example_input=(ids, torch.ones_like(ids)),
                            input=[("ids", [-1, -1], ov.Type.i64), ("mask", [-1, -1], ov.Type.i64)])
    for port, name in zip(text.inputs, ("input_ids", "attention_mask")):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
    text.outputs[0].get_tensor().set_names({"embedding"})
    ov.save_model(text, out / "text.xml", compress_to_fp16=True)
    ov.save_model(convert_tokenizer(source.tokenizer, max_length=source.max_tokens, truncation=True), out / "tokenizer.xml", compress_to_fp16=False)


def manifest(source, heads, out, o):
    files = ["image.onnx", "text.xml", "text.bin", "tokenizer.xml", "tokenizer.bin"]
    resize = {"fit": "crop", "kernel": "triangle-u8"} if source.crop else {"fit": "pad", "kernel": "triangle-u8", "pad": "edge"}
    return {"format": 1, "name": o.name, "version": o.version, "licence": o.licence, "training_data": [o.data],
            "dimensions": source.dimensions,
            "files": {f: {"sha256": hashlib.sha256((out / f).read_bytes()).hexdigest(), "bytes": (out / f).stat().st_size} for f in files},
            "image": {"file": "image.onnx", "input": "image", "width": source.size, "height": source.size, "mean": source.mean, "std": source.std,
                      "resize": resize, "trained_with": {"fit": "crop" if source.crop else "stretch", "kernel": source.kernel}, "embedding": "embedding"},
            "heads": [{"field": f, "output": f, "labels": names, "temperature": 1.0, "sure_threshold": SURE} for f, (names, _, _) in heads.items()],
            "text": {"file": "text.xml", "tokenizer": "tokenizer.xml", "inputs": {"ids": "input_ids", "mask": "attention_mask"},
                     "output": "embedding", "max_tokens": source.max_tokens},
            "precision": "f32", "figures": {}}


def agreement(source, out):
    """Cosine of the exported text tower, tokenizer included, with the original: the least of some sentences."""
    texts = [s for f in FIELDS for s in values(f)[1]][::7]
    return float((Package(out).texts(texts) * source.embed(texts).numpy()).sum(1).min())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", nargs="?", help="a folder, or a name that transformers can fetch")
    ap.add_argument("--random", type=int, metavar="SEED", help="a small random CLIP instead: for tests")
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--name", default="clip")
    ap.add_argument("--version", default="1.0.0")
    ap.add_argument("--licence", default="see the original model")
    ap.add_argument("--data", default="see the original model")
    ap.add_argument("--fit", default="", metavar="FIELD,...", help="learn these heads from labelled products")
    o = ap.parse_args()
    if (o.model is None) == (o.random is None):
        ap.error("name a model, or --random SEED")
    source = Source.load(o.model) if o.model else Source.random(o.random)
    heads = zero_shot(source)
    write = lambda: (o.out / "manifest.json").write_text(json.dumps(manifest(source, heads, o.out, o), indent=1, ensure_ascii=False) + "\n")
    export(source, heads, o.out)
    write()
    if o.fit:
        heads = fitted(heads, o.fit.split(","), o.out)
        export(source, heads, o.out)
        write()
    least = agreement(source, o.out)
    print(f"{o.out}: text tower agrees with the original to a cosine of {least:.4f} or more")
    if least < 0.998:
        raise SystemExit("the exported text tower or tokenizer differs from the original: this package is of no use")


if __name__ == "__main__":
    main()
