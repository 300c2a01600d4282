"""Step 3b: projection, label heads and text tower on the stored features, in large batches."""
import argparse
import copy
import math
import time

import numpy as np
import torch
from tokenizers import Tokenizer

from . import drawn, losses
from .captions import noisy_title, wanted, Captioner
from .losses import Targets
from .model import ImageTower, TextTower, imagenet_backbone
from .progress import Metrics, clock
from .settings import WORK
from .tokenizer import encode
from .train import HEAD_WEIGHTS, Pictures

EMA = 0.99


def options():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--minutes", type=float)
    ap.add_argument("--steps", type=int)
    ap.add_argument("--texts", type=int, default=640)
    ap.add_argument("--candidates", type=int, default=6000)
    ap.add_argument("--photos", type=int, default=1200)
    ap.add_argument("--asking", type=int, default=768, help="products and photos that look for others, each")
    ap.add_argument("--seed", type=int, default=3)
    o = ap.parse_args()
    if not (o.minutes or o.steps):
        ap.error("give --minutes or --steps")
    return o


class Store:
    """Stored features with what is known about them; `views` of one picture stand in for one another."""

    def __init__(self, pictures):
        folder = WORK / "features"
        exact_first = lambda name: [np.load(f) for f in [folder / f"{name}.npy", *sorted(folder.glob(f"{name}-view*.npy"))]]
        self.products, self.photos, self.negatives = exact_first("products"), exact_first("photos"), np.load(folder / "negatives.npy")
        self.pictures = pictures
        self.drawn_rows = drawn.training_rows()
        if self.drawn_rows:
            self.drawn, self.drawn_targets = exact_first("drawn"), Targets.of(drawn.known(self.drawn_rows))

    def sample(self, o, titles, drawn_titles, generator):
        """Products of the titles first, then others, photos, drawings, pictures of nothing -> features, targets."""
        others = generator.choice(len(self.products[0]), o.candidates - len(titles))
        p = np.concatenate([titles, others])
        q = generator.choice(len(self.photos[0]), o.photos, p=self.pictures.photo_weight)
        n = generator.choice(len(self.negatives), 200)
        exact = generator.random(len(p)) < 0.7
        other = self.view(self.products[1:] or self.products, p, generator)
        features = [np.where(exact[:, None], self.products[0][p], other), self.view(self.photos, q, generator)]
        targets = [self.pictures.product_targets[p], self.pictures.photo_targets[q]]
        if self.drawn_rows:
            d = np.concatenate([drawn_titles, generator.choice(len(self.drawn_rows), 2 * len(drawn_titles))])
            features.append(self.view(self.drawn, d, generator))
            targets.append(self.drawn_targets[d])
        features.append(self.negatives[n])
        return torch.from_numpy(np.concatenate(features)).float(), Targets.join([*targets, Targets.empty(len(n))])

    @staticmethod
    def view(views, index, generator):
        which = generator.integers(len(views), size=len(index))
        out = np.empty((len(index), views[0].shape[1]), np.float16)
        for k, view in enumerate(views):
            out[which == k] = view[index[which == k]]
        return out


class Trainer:
    def __init__(self, o):
        self.o = o
        torch.manual_seed(o.seed)
        self.generator = np.random.default_rng(o.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.pictures = Pictures("cpu")
        self.store = Store(self.pictures)
        self.captioner = Captioner(self.pictures.rows, o.seed)
        self.tokenizer = Tokenizer.from_file(str(WORK / "tokenizer.json"))
        joint = torch.load(WORK / "joint.pt", map_location="cpu", weights_only=True)
        self.tower = ImageTower(imagenet_backbone())
        self.tower.load_state_dict(joint["ema"])
        self.heads = self.tower.heads
        self.text = TextTower(self.tokenizer.get_vocab_size())
        self.text.load_state_dict(joint["text"])
        self.log_scale = torch.nn.Parameter(joint["log_scale"].cpu())
        self.averaged = copy.deepcopy(torch.nn.ModuleList([self.heads, self.text])).eval()
        groups = [(list(self.heads.projection.parameters()), 8e-4), (list(self.heads.labels.parameters()), 4e-4),
                  (list(self.text.parameters()) + [self.log_scale], 1.5e-3)]
        self.optimizer = torch.optim.AdamW([{"params": p, "lr": lr, "base": lr} for p, lr in groups], weight_decay=0.03)
        self.step, self.elapsed = 0, 0.0
        self.file = WORK / "locked-state.pt"
        if self.file.exists():
            self.resume()
        for module in (self.heads, self.text, self.averaged):
            module.to(self.device)

    def resume(self):
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        for name in ("heads", "text", "averaged", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.log_scale.data.copy_(state["log_scale"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.generator = np.random.default_rng([self.o.seed, self.step])
        self.captioner.random.seed(f"{self.o.seed}-{self.step}")

    def save(self):
        state = {n: getattr(self, n).state_dict() for n in ("heads", "text", "averaged", "optimizer")}
        torch.save({**state, "log_scale": self.log_scale.data, "step": self.step, "elapsed": self.elapsed}, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").rename(self.file)
        heads, text = self.averaged
        tower = copy.deepcopy(self.tower).cpu()
        tower.heads.load_state_dict(heads.state_dict())
        torch.save({"ema": tower.state_dict(), "text": text.state_dict()}, WORK / "locked.pt")

    def progress(self):
        return self.step / self.o.steps if self.o.steps else self.elapsed / (60 * self.o.minutes)

    def texts(self):
        """Titles first, a tenth of them of drawings, then captions -> texts, title numbers (-9: a caption), wanted values, the
        products and the drawings of the titles."""
        r, count = self.captioner.random, self.o.texts // 2
        some = count // 10 if self.store.drawn_rows else 0
        titles = self.generator.choice(len(self.pictures.rows), count - some, replace=False)
        drawings = self.generator.choice(max(1, len(self.store.drawn_rows)), some)
        captions = [self.captioner.caption() for _ in range(self.o.texts - count)]
        named = [self.pictures.rows[i]["name"] for i in titles] + [self.store.drawn_rows[i]["title"] for i in drawings]
        texts = [noisy_title(t, r) for t in named] + [c[0] for c in captions]
        numbers = [self.pictures.product_targets.title[titles], torch.full((len(captions),), -9)]
        if some:
            numbers.insert(1, self.store.drawn_targets.title[drawings])
        want = torch.from_numpy(wanted([{}] * count + [c[1] for c in captions])).float()
        return texts, torch.cat(numbers), want, titles, drawings

    def text_loss(self, text, number, want, pictures, targets, scale):
        titles = self.o.texts // 2
        right = torch.cat([losses.title_match(number[:titles], targets)[0], losses.caption_match(want[titles:], targets)[0]])
        unknown = torch.cat([losses.title_match(number[:titles], targets)[1], losses.caption_match(want[titles:], targets)[1]])
        right, unknown = right.to(self.device), unknown.to(self.device)
        scores = scale * text @ pictures.T
        asked = slice(0, titles)  # products that look for their own title among all texts
        back = losses.several_right(scores[:, asked].T, right[:, asked].T, unknown[:, asked].T)
        return losses.several_right(scores[:titles], right[:titles], unknown[:titles]) \
            + losses.several_right(scores[titles:], right[titles:], unknown[titles:]) + 0.5 * back

    def one_step(self):
        o, done = self.o, self.progress()
        for g in self.optimizer.param_groups:
            g["lr"] = g["base"] * min(1, (self.step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * min(1, done))) + 1e-6
        texts, number, want, titles, drawings = self.texts()
        features, targets = self.store.sample(o, titles, drawings, self.generator)
        pictures, logits = self.heads(torch.nn.functional.dropout(features.to(self.device), 0.1))
        ids, mask = encode(self.tokenizer, texts)
        text = self.text(ids.to(self.device), mask.to(self.device))
        products, photos = slice(0, o.asking), slice(o.candidates, o.candidates + o.asking)
        own = torch.eye(len(pictures), dtype=torch.bool)[:o.asking]
        cpu = lambda x: x.cpu()
        parts = {
            "labels": losses.label_loss({f: cpu(v) for f, v in logits.items()}, targets, HEAD_WEIGHTS),
            "text": cpu(self.text_loss(text, number, want, pictures, targets, self.log_scale.exp().clamp(max=80))),
            "match": losses.photo_to_product(cpu(pictures[photos]), targets[photos], cpu(pictures), targets, 16),
            "alike": losses.alike(cpu(pictures[products]), targets[products], cpu(pictures), targets, 16, own)}
        loss = parts["labels"] + parts["text"] + 0.3 * parts["match"] + 0.3 * parts["alike"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            keep = min(EMA, (1 + self.step) / (10 + self.step))
            for a, b in zip(self.averaged.parameters(), [*self.heads.parameters(), *self.text.parameters()]):
                a.lerp_(b, 1 - keep)
        return {k: v.item() for k, v in parts.items()}

    def run(self):
        metrics = Metrics("locked")
        self.heads.train()
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
                left = self.elapsed / max(self.progress(), 1e-6) - self.elapsed
                print(f"step {self.step}: {mean}, {(now - shown) / steps:.2f} s a step, {clock(left)} left", flush=True)
                metrics.log(self.step, **mean)
                sums, steps, shown = {}, 0, now
            if now - saved > 180:
                self.save()
                saved = now
        self.save()


if __name__ == "__main__":
    Trainer(options()).run()
