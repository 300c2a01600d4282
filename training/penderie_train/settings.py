"""Where things are. Environment variables, so that one set-up serves every step."""
import os
from pathlib import Path

DATA = Path(os.environ.get("PENDERIE_DATA", "../shared/data"))  # products.csv/.zip, photos.csv/.zip
EVAL = Path(os.environ.get("PENDERIE_EVAL", "../shared/eval"))  # taxonomy.csv, photo_to_products.csv, words.csv
WORK = Path(os.environ.get("PENDERIE_WORK", "training-work"))  # arrays, checkpoints, logs: not committed

SIDE = 160  # what the exported image tower takes
DIMENSIONS = 256
PRODUCT_SIDE = 80  # products are 60 x 80
PHOTO_SIDE = 224
MAX_TOKENS = 64
