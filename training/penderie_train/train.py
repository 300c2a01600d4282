"""Step 2: both towers together, from ImageNet weights or (--start) from those of an earlier run. Resumes from its checkpoint;
stops after --minutes of training, or --steps, whichever is given: the schedule follows it."""
import argparse
import copy
import math
import pathlib
import random
import time

import numpy as np
import torch
from tokenizers import Tokenizer

from . import augment, drawn, labels, losses
from .captions import Captioner, noisy_title, wanted
from .losses import Targets
from .model import ImageTower, TextTower, imagenet_backbone
from .negatives import negatives
from .progress import Metrics, clock
from .settings import SIDE, WORK
from .tokenizer import encode, train_tokenizer

HEAD_WEIGHTS = {"category": 1.0, "article": 0.6, "gender": 0.5, "colour": 0.5, "season": 0.15, "style": 0.25}
BANK = 6144
EMA = 0.997


def options():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--minutes", type=float)
    ap.add_argument("--steps", type=int)
    ap.add_argument("--start", type=pathlib.Path, help="a joint.pt to begin with, with a schedule of its own")
    ap.add_argument("--rate", type=float, default=1.0, help="times the learning rates")
    ap.add_argument("--products", type=int, default=36)
    ap.add_argument("--photos", type=int, default=18)
    ap.add_argument("--mixed", type=int, default=8, help="photos mixed with one another: their labels alone count")
    ap.add_argument("--drawn", type=int, default=4, help="drawings of `penderie demo`, where PENDERIE_DRAWN has some")
    ap.add_argument("--negatives", type=int, default=2)
    ap.add_argument("--texts", type=int, default=96)
    ap.add_argument("--small-side", type=int, default=128, help="side of the first part of training")
    ap.add_argument("--small-share", type=float, default=0.6, help="how long the first part is")
    ap.add_argument("--save-minutes", type=float, default=4)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--compile", action="store_true")
    o = ap.parse_args()
    if not (o.minutes or o.steps):
        ap.error("give --minutes or --steps")
    return o


class Pictures:
    """The training pictures, products in turn and photos by class, augmented on the way out."""

    def __init__(self, device):
        self.device = device
        rows, photos = labels.products(), labels.photos()
        self.product_index = np.array([i for i, r in enumerate(rows) if not labels.held_out_product(r)])
        self.photo_index = np.array([i for i, r in enumerate(photos) if labels.training_photo(r)])
        self.rows = [rows[i] for i in self.product_index]
        self.photo_rows = [photos[i] for i in self.photo_index]
        self.products, self.photos = np.load(WORK / "products.npy", mmap_mode="r"), np.load(WORK / "photos.npy")
        self.masks = np.load(WORK / "products-mask.npy")
        self.product_targets = Targets.of(labels.known_products(self.rows))
        self.photo_targets = Targets.of(labels.known_photos(self.photo_rows))
        self.photo_targets.garment[[i for i, r in enumerate(self.photo_rows) if r["label"] == "Other"]] = -1
        count = {}
        for r in self.photo_rows:
            count[r["label"]] = count.get(r["label"], 0) + 1
        weight = np.array([count[r["label"]] ** -0.5 for r in self.photo_rows])
        self.photo_weight = weight / weight.sum()
        self.drawn_rows = drawn.training_rows()
        if self.drawn_rows:
            self.drawings, self.drawn_targets = drawn.pictures(), Targets.of(drawn.known(self.drawn_rows))
        rare = np.array([labels.category_of_article()[r["articleType"]] for r in self.rows])
        values, inverse, n = np.unique(rare, return_inverse=True, return_counts=True)
        weight = n[inverse] ** -0.25
        self.product_weight = weight / weight.sum()

    def tensor(self, array):
        return torch.from_numpy(np.ascontiguousarray(array)).permute(0, 3, 1, 2).float().div_(255).to(self.device)

    def batch(self, o, side, generator):
        """-> pixels in -1..1, targets, numbers of the products; products first, then photos, drawings, pictures of nothing."""
        p = generator.choice(len(self.rows), o.products, p=self.product_weight)
        q = generator.choice(len(self.photo_rows), o.photos, p=self.photo_weight)
        rooms = self.rooms(generator)
        index = self.product_index[p]
        masks = torch.from_numpy(self.masks[index]).float()[:, None].to(self.device)
        pixels = [augment.product_views(self.tensor(self.products[index]), masks, rooms, side, cut_share=0.4),
                  augment.photo_views(self.tensor(self.photos[self.photo_index[q]]), side)]
        targets = [self.product_targets[p], self.photo_targets[q]]
        if self.drawn_rows and o.drawn:
            d = generator.choice(len(self.drawn_rows), o.drawn)
            pixels.append(augment.photo_views(self.tensor(self.drawings[d]), side, hard=False))
            targets.append(self.drawn_targets[d])
        pixels.append(negatives(rooms, o.negatives, side))
        targets.append(Targets.empty(o.negatives))
        return torch.cat(pixels) * 2 - 1, Targets.join(targets), p

    def rooms(self, generator):
        return self.tensor(self.photos[self.photo_index[generator.choice(len(self.photo_rows), 24)]])

    def mixed(self, o, side, generator):
        """Photos, each with a part of the next -> pixels in -1..1, targets, number of the other, share of the first."""
        q = generator.choice(len(self.photo_rows), o.mixed, p=self.photo_weight)
        pixels, other, share = augment.mixed(augment.photo_views(self.tensor(self.photos[self.photo_index[q]]), side))
        return pixels * 2 - 1, self.photo_targets[q], other, share


class Bank:
    """Embeddings of recent pictures, as further candidates."""

    def __init__(self):
        self.embeddings, self.targets = None, None

    def with_batch(self, embeddings, targets):
        if self.embeddings is None:
            return embeddings, targets
        return torch.cat([embeddings, self.embeddings]), Targets.join([targets, self.targets])

    def push(self, embeddings, targets):
        e, t = self.with_batch(embeddings.detach(), targets)
        self.embeddings, self.targets = e[:BANK], t[torch.arange(min(BANK, len(e)))]


def texts_for(pictures, chosen, captioner, count):
    """Half the texts are the batch's own titles, half captions -> texts, title numbers (-9: a caption), wanted values."""
    r = captioner.random
    titles = chosen[:count // 2]
    texts = [noisy_title(pictures.rows[i]["name"], r) for i in titles]
    captions = [captioner.caption() for _ in range(count - len(texts))]
    number = torch.cat([pictures.product_targets.title[titles], torch.full((len(captions),), -9)])
    want = torch.from_numpy(wanted([{}] * len(texts) + [c[1] for c in captions])).float()
    return texts + [c[0] for c in captions], number, want


def text_losses(texts, number, want, embeddings, candidates, targets, scale):
    right, unknown = losses.caption_match(want, targets)
    is_title = number >= 0
    right_title, unknown_title = losses.title_match(number, targets)
    right = torch.where(is_title[:, None], right_title, right)
    unknown = torch.where(is_title[:, None], unknown_title, unknown)
    find_picture = losses.several_right(scale * texts @ candidates.T, right, unknown)
    n = len(embeddings)
    find_text = losses.several_right(scale * embeddings @ texts.T, right[:, :n].T, unknown[:, :n].T)
    return find_picture + 0.5 * find_text


class Trainer:
    def __init__(self, o):
        self.o = o
        torch.manual_seed(o.seed)
        self.generator = np.random.default_rng(o.seed)
        random.seed(o.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.pictures = Pictures("cpu")
        self.captioner = Captioner(self.pictures.rows, o.seed)
        self.tokenizer = self.make_tokenizer()
        self.image = ImageTower(imagenet_backbone()).to(self.device, memory_format=torch.channels_last)
        self.image.freeze_first_stages()
        self.text = TextTower(self.tokenizer.get_vocab_size()).to(self.device)
        self.log_scale = torch.nn.Parameter(torch.tensor(2.8, device=self.device))
        self.ema = copy.deepcopy(self.image).eval()
        trained = [p for p in self.image.backbone.parameters() if p.requires_grad]
        groups = [(trained, 6e-4), (list(self.image.heads.parameters()), 1.5e-3), (list(self.text.parameters()) + [self.log_scale], 1.5e-3)]
        self.optimizer = torch.optim.AdamW([{"params": p, "lr": lr, "base": lr * o.rate} for p, lr in groups], weight_decay=0.02)
        self.bank, self.step, self.elapsed, self.seen = Bank(), 0, 0.0, 0
        self.file = WORK / "joint.pt"
        if self.file.exists():
            self.resume()
        elif o.start:
            self.begin_with(o.start)
        self.forward = torch.compile(self.image, dynamic=False) if o.compile else self.image

    def make_tokenizer(self):
        """Kept in a file: its training breaks ties at random, so a second one would number the words otherwise."""
        file = WORK / "tokenizer.json"
        if not file.exists():
            titles = [r["name"] for r in self.pictures.rows]
            train_tokenizer(titles + [self.captioner.caption()[0] for _ in range(100_000)], 6000).save(str(file))
        return Tokenizer.from_file(str(file))

    def begin_with(self, file):
        """The averaged weights of an earlier run; optimiser and schedule begin anew."""
        state = torch.load(file, map_location=self.device, weights_only=True)
        for module, weights in (self.image, "ema"), (self.ema, "ema"), (self.text, "text"):
            module.load_state_dict(state[weights])
        self.log_scale.data.copy_(state["log_scale"])

    def resume(self):
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        for name in ("image", "text", "ema", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.log_scale.data.copy_(state["log_scale"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.generator = np.random.default_rng([self.o.seed, self.step])
        torch.manual_seed(self.o.seed + self.step)
        self.captioner.random.seed(f"{self.o.seed}-{self.step}")
        print(f"resumed at step {self.step}", flush=True)

    def save(self):
        state = {n: getattr(self, n).state_dict() for n in ("image", "text", "ema", "optimizer")}
        torch.save({**state, "log_scale": self.log_scale.data, "step": self.step, "elapsed": self.elapsed}, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").rename(self.file)

    def progress(self):
        return self.step / self.o.steps if self.o.steps else self.elapsed / (60 * self.o.minutes)

    def one_step(self):
        o, done = self.o, self.progress()
        warm = min(1, (self.step + 1) / 150)
        for g in self.optimizer.param_groups:
            g["lr"] = g["base"] * warm * (0.5 + 0.5 * math.cos(math.pi * min(1, done))) + 1e-6
        side = o.small_side if done < o.small_share else SIDE
        pixels, targets, chosen = self.pictures.batch(o, side, self.generator)
        mixed, mixed_targets, other, share = self.pictures.mixed(o, side, self.generator)
        texts, number, want = texts_for(self.pictures, chosen, self.captioner, o.texts)
        both = torch.cat([pixels, mixed]).to(self.device).contiguous(memory_format=torch.channels_last)
        embeddings, logits = self.forward(both)
        self.seen = len(both)
        n, embeddings, logits = len(pixels), embeddings.cpu(), {f: v.cpu() for f, v in logits.items()}
        embeddings, mixed_logits = embeddings[:n], {f: v[n:] for f, v in logits.items()}
        logits = {f: v[:n] for f, v in logits.items()}
        ids, mask = encode(self.tokenizer, texts)
        text = self.text(ids.to(self.device), mask.to(self.device)).cpu()
        scale = self.log_scale.exp().clamp(max=60).cpu()
        candidates, all_targets = self.bank.with_batch(embeddings, targets)
        parts = {
            "labels": losses.label_loss(logits, targets, HEAD_WEIGHTS),
            "mixed": losses.mixed_label_loss(mixed_logits, mixed_targets, other, share, HEAD_WEIGHTS),
            "text": text_losses(text, number, want, embeddings, candidates, all_targets, scale)}
        photos = slice(o.products, o.products + o.photos)
        parts["match"] = losses.photo_to_product(embeddings[photos], targets[photos], candidates, all_targets, 12)
        own = torch.zeros(o.products, len(candidates), dtype=torch.bool)
        own[:, :o.products] = torch.eye(o.products, dtype=torch.bool)
        parts["alike"] = losses.alike(embeddings[:o.products], targets[torch.arange(o.products)], candidates, all_targets, 12, own)
        loss = parts["labels"] + 0.4 * parts["mixed"] + 0.5 * parts["text"] + 0.4 * parts["match"] + 0.2 * parts["alike"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 5.0)
        self.optimizer.step()
        self.bank.push(embeddings, targets)
        self.step += 1
        self.average()
        return {k: v.item() for k, v in parts.items()}

    @torch.no_grad()
    def average(self):
        keep = min(EMA, (1 + self.step) / (10 + self.step))
        for a, b in zip(self.ema.state_dict().values(), self.image.state_dict().values()):
            if a.dtype.is_floating_point:
                a.lerp_(b, 1 - keep)
            else:
                a.copy_(b)

    def run(self):
        metrics, o = Metrics("joint"), self.o
        self.image.train()
        self.text.train()
        shown = saved = last = time.time()
        sums, steps = {}, 0
        while self.progress() < 1:
            for k, v in self.one_step().items():
                sums[k] = sums.get(k, 0) + v
            steps += 1
            now = time.time()
            self.elapsed += now - last
            last = now
            if now - shown > 30:
                mean = {k: round(v / steps, 3) for k, v in sums.items()}
                speed = steps * self.seen / (now - shown)
                left = self.elapsed / max(self.progress(), 1e-6) - self.elapsed
                print(f"step {self.step}: {mean}, {speed:.0f} pictures/s, {clock(left)} left", flush=True)
                metrics.log(self.step, **mean, pictures_per_second=round(speed, 1))
                sums, steps, shown = {}, 0, now
            if now - saved > 60 * o.save_minutes:
                self.save()
                saved = now
        self.save()


if __name__ == "__main__":
    Trainer(options()).run()
