"""The data report of pairs of sentences."""

import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from pipelines.data_report import DataReport, at_share, percent
from pipelines.errors import shortened
from pipelines.parallel.corpus import SIDES, ParallelCorpus
from pipelines.splits import SPLITS
from pipelines.text.suspects import warnings

_TOLD = 0.1  # share of the training pairs that may be too long without a warning
_KEPT = 0.99  # share of the pairs that the advice keeps
_ODD = 0.5  # share of the pairs of a file above which what is odd about them is told
_SAME = 0.1  # likewise of pairs with one text, which no one has translated
_KNOWN = 0.01  # share of the pairs of a validation or test file that may be training pairs without a warning
_EXAMPLES = 2
_HEADINGS = {  # words in names of columns
    *("source", "target", "src", "tgt", "sentence", "translation", "input", "output", "text", "reference"),
    *("label", "question", "answer", "prompt", "response", "completion", "original", "document", "summary"),
    *("phrase", "word", "deutscher", "deutsch", "satz", "français", "español"),
    *("english", "german", "french", "spanish", "chinese", "russian", "japanese"),
    *("en", "de", "fr", "es", "zh", "ru", "ja", "it", "pt", "nl", "pl"),
}
_SHOWN = 75  # most characters of a side of an example


def report(
    corpus: ParallelCorpus,
    files: Sequence[str],
    max_length: int,
    max_dropped: float,
    cure: str,
    allowed: bool,
) -> DataReport:
    """What was read, kept and left out.

    Args:
        files: the names of the files.
        max_length: the most tokens of a side in training.
        max_dropped: the share of the training pairs that may be left out for it.
        cure: what helps against unknown characters.
        allowed: whether any number of unknown characters may be trained on.
    """
    found = DataReport("translation")
    found.read |= {"pairs": sum(corpus.read.values()), "files": list(files)}
    for name, count in corpus.read.items():
        whose = [split for split in SPLITS if split not in corpus.read] if name == "pairs" else [name]
        blank = corpus.blank[name]
        found.drop(None if name == "pairs" else name, blank, count, "pairs", "a side is blank")
        again = count - blank - sum(corpus.sizes[split] for split in whose)
        found.drop(None if name == "pairs" else name, again, count, "pairs", "they are there already")
    found.warnings += map(_header, filter(_is_header, corpus.first.values()))
    for name, counts in corpus.odd.items():
        found.warnings += [
            f"{count:,} of {corpus.read[name]:,} {name if name == 'pairs' else f'{name} pairs'} {what}: are"
            " these a sentence and its translation?"
            for what, count in counts.items()
            if count > (_SAME if "same" in what else _ODD) * corpus.read[name]
        ]
    for counts in corpus.suspects.values():
        found.warnings += warnings(counts)
    if any(corpus.shifted.values()):
        found.warnings.append(
            "the lengths of sentences go with those of the translations one line before or after: is a line"
            " missing on a side?"
        )
    for name, count in corpus.known.items():
        if count > _KNOWN * corpus.sizes[name]:
            found.warnings.append(
                f"{count:,} of {corpus.sizes[name]:,} {name} pairs ({percent(count / corpus.sizes[name])})"
                " are in the training files, too: how well they are translated says little about others"
            )
    _add_long(found, corpus.split("train").longest, max_length, max_dropped, corpus.tokenizers[0].kind)
    for name in filter(corpus.sizes.get, SPLITS):
        pairs = corpus.split(name)
        lengths = pairs.source_lengths, pairs.target_lengths
        tokens = {f"{side} tokens": int(each.sum(dtype=np.int64)) for side, each in zip(SIDES, lengths)}
        found.tables.setdefault("splits", {})[name] = {"pairs": len(pairs), **tokens}
        for side, each in zip(SIDES, lengths):
            found.add_lengths(f"{name} {side}", each, max_length if name == "train" else None)
        found.add_unknown(corpus.unknown(name), cure, allowed)
    source, target = corpus.tokenizers
    sizes = {"source": source.size, "target": target.size}
    found.vocabulary |= {"source and target": source.size} if source is target else sizes
    found.examples += _examples(corpus)
    return found


def _add_long(found: DataReport, longest: np.ndarray, most: int, allowed: float, kind: str) -> None:
    """Adds the training pairs that are too long, with a warning or a refusal where they are many."""
    left_out = int((longest > most).sum())
    if not left_out:
        return
    share = left_out / len(longest)
    found.drop("train", left_out, len(longest), "pairs", f"a side has more than {most} tokens")
    advice = f"--data.max_length {at_share(longest, _KEPT)} keeps {percent(_KEPT)}"
    advice += "; so may --data.tokenizer subwords, whose tokens are longer" if kind == "characters" else ""
    told = (
        f"{left_out:,} of {len(longest):,} training pairs ({percent(share)}) are left out, as a side has more"
        f" than {most} tokens (data.max_length): {advice}"
    )
    if share > allowed:
        found.refusals.append(f"{told}; to train on the others all the same: --data.max_dropped 1")
    elif share > _TOLD:
        found.warnings.append(told)


def _is_header(pair: Sequence[str]) -> bool:
    """Whether a pair looks like the names of two columns."""
    names = [re.split(r"[\W_]+", side.lower().strip()) for side in pair]
    return all(len(words) <= 2 and set(words) & _HEADINGS for words in names)


def _header(pair: Sequence[str]) -> str:
    first, second = pair
    return f"the first pair, {first!r} and {second!r}, looks like names of columns; tail -n +2 drops it"


def _examples(corpus: ParallelCorpus) -> list[str]:
    """The tokens of the first training pairs."""
    name = next(filter(corpus.sizes.get, SPLITS))
    pairs = corpus.split(name)
    inputs, targets = pairs.rows(np.arange(min(_EXAMPLES, len(pairs))))
    sides = [
        [_pieces(tokenizer, row) for row in rows]
        for tokenizer, rows in zip(corpus.tokenizers, (inputs["source"], targets), strict=True)
    ]
    return [f"{source} → {target}" for source, target in zip(*sides, strict=True)]


def _pieces(tokenizer, ids: np.ndarray) -> str:
    pieces = tokenizer.pieces(tf.constant(ids[ids != tokenizer.pad_id])).numpy()
    return shortened(" ".join(piece.decode().replace(" ", "▁") for piece in pieces), _SHOWN)
