"""The effect of adversarial training on text: quality and diversity of runs, beside real text.

    kerasapp train generation --preset tinyshakespeare --run runs/likelihood
    kerasapp train generation --from runs/likelihood --training.adversarial true --run runs/adversarial ...
    python benchmarks/adversarial_text.py runs/likelihood runs/adversarial

Each run continues the validation text from the same positions; the table has the real continuations too. A
lower temperature trades diversity for quality without training, so it is shown for the first run.

    nats          nats per character of the validation text
    BLEU          of the texts, with other parts of the validation text as references: more is better (Yu et
    al.
                  2017, arXiv:1609.05473)
    self-BLEU     mean BLEU of each text with the others as references: more is less diverse (Zhu et al. 2018,
                  arXiv:1802.01886)
    novel         share of the four-word sequences that are not in the training text
    known words   share of the words that are in the training text: spelling
"""

import argparse
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from sacrebleu.metrics import BLEU

from kerasapp import api

PROMPT = 32  # characters of a prompt
COLUMNS = ("nats", "BLEU", "self-BLEU", "novel", "known words")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, the first one trained by likelihood")
    parser.add_argument("--texts", type=int, default=200, help="texts per run (default: 200)")
    parser.add_argument("--length", type=int, default=200, help="tokens per text (default: 200)")
    parser.add_argument(
        "--temperatures", type=float, nargs="*", default=[0.9, 0.8], help="more temperatures of the first run"
    )
    args = parser.parse_args()
    models = [api.load(run) for run in args.runs]
    prompts, real, others = excerpts(text_of(models[0], "valid"), args.texts, args.length)
    judge = Judge(text_of(models[0], "train"), others)
    table = Table("texts of", *COLUMNS, show_edge=False)
    table.add_row("the validation text", "", *cells(judge(real)))
    for run, model in zip(args.runs, models):
        nats = model.evaluate("valid", streams=16)["nats_per_character"]
        for temperature in (1.0, *(args.temperatures if model is models[0] else ())):
            texts = model.generate(
                prompts, length=args.length, temperature=temperature, seed=list(range(len(prompts)))
            )
            name = str(run) if temperature == 1.0 else f"{run}, temperature {temperature:g}"
            table.add_row(name, f"{nats:.4f}", *cells(judge(texts)))
    Console().print(table)


def text_of(model, split):
    """A split of a model's text, as a string."""
    ids = tf.constant(model.task.tokens(split)[np.newaxis], tf.int32)
    return model.task.tokenizer.decode(ids, tf.constant([ids.shape[1]]))[0].numpy().decode()


def excerpts(text, count, length):
    """(prompts, their continuations, other references): lists of `count` strings, evenly spaced."""
    starts = np.linspace(0, len(text) - PROMPT - 2 * length, count).astype(int)
    prompts = [text[i : i + PROMPT] for i in starts]
    follows = [text[i + PROMPT : i + PROMPT + length] for i in starts]
    return prompts, follows, [text[i + PROMPT + length : i + PROMPT + 2 * length] for i in starts]


class Judge:
    """The metrics of a list of texts, without the nats."""

    def __init__(self, train, references):
        words = words_of(train)
        self.known, self.four = set(words), set(sequences(words))
        self.references = references

    def __call__(self, texts):
        words = [words_of(text) for text in texts]
        four = [sequence for text in words for sequence in sequences(text)]
        return (
            bleu(texts, [self.references] * len(texts)),
            bleu(texts, [texts[:i] + texts[i + 1 :] for i in range(len(texts))]),
            float(np.mean([sequence not in self.four for sequence in four])),
            float(np.mean([word in self.known for text in words for word in text])),
        )


def bleu(texts, references):
    """Mean BLEU of texts, each with its own list of references, 0 to 100."""
    metric = BLEU(effective_order=True)
    return float(
        np.mean([metric.sentence_score(*pair).score for pair in zip(texts, references, strict=True)])
    )


def words_of(text):
    """The words of a text without punctuation, and without the first and the last, which may be cut."""
    return re.findall(r"[\w']+", text.lower())[1:-1]


def sequences(words, count=4):
    return list(zip(*(words[i:] for i in range(count))))


def cells(figures):
    bleu, self_bleu, novel, known = figures
    return f"{bleu:.1f}", f"{self_bleu:.1f}", f"{novel:.1%}", f"{known:.1%}"


if __name__ == "__main__":
    main()
