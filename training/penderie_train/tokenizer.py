"""The tokenizer: lower case, no accents, word pieces with every letter as a fallback, trained on titles and captions."""
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from .settings import MAX_TOKENS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def train_tokenizer(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=60))
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789&%+#/.,'-()!?:\"€$*"
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=3, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=list(letters), limit_alphabet=120))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")])
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    return tokenizer


def encode(tokenizer, texts):
    """-> ids, mask as i64 tensors."""
    import torch
    out = tokenizer.encode_batch(texts)
    return torch.tensor([e.ids for e in out]), torch.tensor([e.attention_mask for e in out])
