"""Vectors with their sentences in files that TensorBoard's projector shows."""

import numpy as np

from pipelines.atomic import write_text

MOST = 10_000  # points; a browser has all of them in memory
CONFIG = """embeddings {
  tensor_name: "sentences"
  tensor_path: "vectors.tsv"
  metadata_path: "sentences.tsv"
}
"""


def write(folder, texts, vectors):
    """Writes projector_config.pbtxt, vectors.tsv and sentences.tsv to a folder, which is made.

    The format is that of `tensorboard.plugins.projector`: numbers between tabs, a point a line; of one column
    of labels no header.

    Args:
        folder: a `Path`. texts: list of strings; blank ones are left out. vectors: [texts, size].

    Returns: how many points there are, `MOST` at most, evenly spread.
    """
    kept = np.array([place for place, text in enumerate(texts) if text.strip()], int)
    if len(kept) > MOST:
        kept = kept[np.linspace(0, len(kept) - 1, MOST).astype(int)]
    folder.mkdir(exist_ok=True)
    rows = ("\t".join(f"{value:.5g}" for value in vectors[place]) for place in kept)
    write_text(folder / "vectors.tsv", "".join(f"{row}\n" for row in rows))
    labels = (" ".join(texts[place].split()) for place in kept)
    write_text(folder / "sentences.tsv", "".join(f"{label}\n" for label in labels))
    write_text(folder / "projector_config.pbtxt", CONFIG)
    return len(kept)
