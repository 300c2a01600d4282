"""Losses of both phases. `Targets` holds what is known about some pictures as tensors that fit together."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .captions import concatenated, spans
from .labels import FIELDS


@dataclass
class Targets:
    possible: torch.Tensor  # (N, all values) f32, fields side by side
    title: torch.Tensor  # (N,) i64, -1 = none
    accepts: torch.Tensor  # (N, categories) bool; a row with any true is a photo
    garment: torch.Tensor  # (N,) i64: 1 garment, 0 none, -1 not to be used

    @staticmethod
    def of(known, garment=1):
        n = len(known.title)
        return Targets(torch.from_numpy(concatenated(known.possible)).float(), torch.from_numpy(known.title),
                       torch.from_numpy(known.accepts), torch.full((n,), garment))

    @staticmethod
    def empty(n):
        """Pictures without a garment: they satisfy nothing and answer nothing."""
        width, categories = spans()[FIELDS[-1]].stop, spans()["category"].stop
        return Targets(torch.zeros(n, width), torch.full((n,), -2), torch.zeros(n, categories, dtype=torch.bool), torch.zeros(n, dtype=torch.long))

    def __getitem__(self, index):
        return Targets(self.possible[index], self.title[index], self.accepts[index], self.garment[index])

    @staticmethod
    def join(parts):
        return Targets(*(torch.cat([getattr(p, f) for p in parts]) for f in ("possible", "title", "accepts", "garment")))

    def field(self, name):
        return self.possible[:, spans()[name]]


def partial_label(logits, possible, smoothing=0.05, weight=None):
    """-log of the probability of what is possible, times a weight each; rows where all or nothing is possible do not count."""
    count = possible.sum(1)
    used = (count > 0) & (count < possible.shape[1])
    if not used.any():
        return logits.sum() * 0
    logp, p = logits[used].log_softmax(1), possible[used]
    inside = logp.masked_fill(p == 0, -1e4).logsumexp(1)
    each = -((1 - smoothing) * inside + smoothing * logp.mean(1))
    return each.mean() if weight is None else (each * weight[used]).mean()


def mixed_label_loss(logits, targets, other, share, weights):
    """Of pictures that show `share` of one and the rest of `other` (mixup, CutMix)."""
    return sum(w * (partial_label(logits[f], targets.field(f), weight=share)
                    + partial_label(logits[f], targets.field(f)[other], weight=1 - share)) for f, w in weights.items())


def label_loss(logits, targets, weights):
    loss = sum(w * partial_label(logits[f], targets.field(f)) for f, w in weights.items())
    known = targets.garment >= 0
    return loss + 0.3 * F.cross_entropy(logits["garment"][known], targets.garment[known], label_smoothing=0.02)


def several_right(scores, right, ignored):
    """Contrastive loss with several right answers a row: uniform over them. Rows without one do not count."""
    scores = scores.masked_fill(ignored & ~right, -1e4)
    used = right.any(1)
    if not used.any():
        return scores.sum() * 0
    logp, r = scores[used].log_softmax(1), right[used].float()
    return -((logp * r).sum(1) / r.sum(1)).mean()


def caption_match(wanted, targets):
    """wanted (T, all values) f32 -> right, unknown (T, N): pictures that surely satisfy a caption, that perhaps do."""
    right = torch.ones(len(wanted), len(targets.title), dtype=torch.bool)
    possible = right.clone()
    for f in FIELDS:
        w, p = wanted[:, spans()[f]], targets.field(f)
        right &= (1 - w) @ p.T == 0
        possible &= w @ p.T > 0
    right &= possible
    return right, possible & ~right


def title_match(titles, targets):
    right = titles[:, None] == targets.title[None]
    return right, (targets.title == -1)[None].expand_as(right)


def photo_to_product(photos, photo_targets, pictures, picture_targets, scale):
    """Photos find products of an accepted category."""
    product = picture_targets.title >= 0
    category = picture_targets.field("category")
    right = (photo_targets.accepts.float() @ category.T > 0) & product
    return several_right(scale * photos @ pictures.T, right, (~product)[None].expand_as(right))


def alike(embeddings, targets, pictures, picture_targets, scale, own):
    """Products find products of the same category, colour and gender. `own`: (B, N) the picture itself."""
    right = ~own
    for f in ("category", "colour", "gender"):
        right &= targets.field(f) @ picture_targets.field(f).T == 1
        right &= (targets.field(f).sum(1) == 1)[:, None] & (picture_targets.field(f).sum(1) == 1)[None]
    return several_right(scale * embeddings @ pictures.T, right, own | (picture_targets.title < 0)[None])
