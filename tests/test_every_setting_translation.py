"""Every setting of `translation` acts: one row or more per field of its configuration."""

import contextlib

import numpy as np
import pytest
from settings import (
    Row,
    Table,
    batches,
    becomes,
    characters_gained,
    differ,
    grows,
    kept_in_cache,
    losses,
    noise,
    only_after,
    outputs,
    parameters,
    refuses_unknown,
)

import kerasapp
from pipelines.errors import DataError

LETTERS = "abcdefghijklmnopqrst"
FIRST = [f"{a} {b}{'c' * (i % 4)}" for i, (a, b) in enumerate(zip(LETTERS, LETTERS[::-1]))]
SECOND = [f"{line[::-1]} ﬁ" for line in FIRST]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder, with all files that the rows name."""
    path = tmp_path_factory.mktemp("settings")
    files = {
        "pairs": [f"{a}\t{b}" for a, b in zip(FIRST, SECOND)],
        "other": [f"{a} {a}\t{b}" for a, b in zip(FIRST, SECOND)],
        "first": FIRST,
        "second": SECOND,
        "doubled": [f"{line} {line}" for line in FIRST],
        "blanks": [line for a, b in zip(FIRST, SECOND) for line in (f"{a}\t{b}", "")],
        "own": ["a b", "c d"],
        "others": ["q r", "s t"],
    }
    for name, lines in files.items():
        (path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with contextlib.chdir(path):
        yield


def sentences(tokenizer, rows):
    """Rows of tokens [batch, time], each to its end token, as text."""
    lengths = np.argmax(rows == tokenizer.end_id, axis=1)
    return [text.decode() for text in tokenizer.decode(rows, lengths).numpy()]


def passes(task):
    """Batches of the training data, more than a pass has."""
    return task.training_data().take(12)


def learned(task):
    """The pairs of sentences of the training data, each once, sorted."""
    found = set()
    for inputs, targets in passes(task):
        sides = zip(task.tokenizer, (inputs["source"].numpy(), targets.numpy()))
        found |= set(zip(*(sentences(tokenizer, rows) for tokenizer, rows in sides)))
    return sorted(found)


def swapped(before, after):
    return sorted((b, a) for a, b in before) == after != before


def copies(before, after):
    """Whether each target is its source in `after` alone."""
    return not any(a == b for a, b in before) and all(a == b for a, b in after)


def altered_alike(before, after):
    """Whether there are other sentences, of the same lengths."""
    lengths = [{len(source) for source, _ in pairs} for pairs in (before, after)]
    return copies([("", "x")], after) and differ(before, after) and lengths[0] == lengths[1]


def noisy(before, after):
    """Whether sources have lost tokens, and targets none."""
    means = [np.mean([len(source) for source, _ in pairs]) for pairs in (before, after)]
    return means[1] < means[0] and {target for _, target in before} == {target for _, target in after}


def held_out(task):
    """The sentences of the splits that are not trained on, by the keys of their files."""
    return {
        f"data.{split}_{side}": sentences
        for split in ("valid", "test")
        for side, sentences in zip(("source", "target"), task.corpus.texts(split))
    }


def alone_changes(key):
    """The condition that the sentences of one file are others, and those of no other file."""
    return lambda before, after: after == before | {key: ["q r", "s t"]} != before


def letters_of_targets(task):
    return set("".join(target for _, target in learned(task)))


def shares(task):
    return [len(task.corpus.texts(split)[0]) for split in ("train", "valid", "test")]


def sizes(task):
    return [tokenizer.size for tokenizer in task.tokenizer]


def one_vocabulary(before, after):
    return before[0] != before[1] and after[0] == after[1]


def embeddings(task):
    """How many tables of embeddings the model has."""
    shapes = [tuple(weight.shape) for weight in task.build().weights]
    return sum(shape in {(size, 3) for size in sizes(task)} for shape in shapes)


def spelt(task):
    """What comes back of a character that the training text lacks: subwords spell it in bytes."""
    ids = task.tokenizer[0].encode(["é"])
    return task.tokenizer[0].decode(ids.to_tensor(), ids.row_lengths()).numpy()[0].decode()


def largest_batch(task):
    """Of the training data: most rows of a batch, and most positions of source and target together."""
    shapes = [(*inputs["source"].shape, targets.shape[1]) for inputs, targets in passes(task)]
    return max(rows for rows, _, _ in shapes), max(rows * (s + t) for rows, s, t in shapes)


def refuses_short(task):
    """Whether the data are refused, as too many pairs are too long."""
    return any("max_dropped" in line for line in task.data_report().refusals)


def usable(task):
    """Whether the files can be read."""
    try:
        return bool(task.corpus)
    except DataError:
        return False


def longest(task):
    """Most tokens of a sentence in training, and in validation, of which nothing is left out."""
    return [
        max(rows.shape[1] - 1 for inputs, targets in data for rows in (inputs["source"], targets))
        for data in (passes(task), task.datasets()[1])
    ]


BASE = {
    "data.pairs": "pairs",
    "data.tokenizer": "characters",
    "data.split": [0.8, 0.1, 0.1],
    "data.vocabulary_size": 300,
    "model.cell": "lstm",
    "model.units": 4,
    "model.encoder_layers": 1,
    "model.decoder_layers": 1,
    "model.embedding_size": 3,
    "model.attention": "general",
    "model.heads": 4,
    "model.dropout": 0.0,
    "model.embedding_dropout": 0.0,
    "model.word_dropout": 0.0,
    "model.recurrent_dropout": 0.0,
    "training.batch_size": 4,
    "training.label_smoothing": 0.0,
    "training.precision": "float32",
}
ALIGNED = {"data.source": "first", "data.target": "second"}
OWN = {f"data.{split}_{side}": "own" for split in ("valid", "test") for side in ("source", "target")}
COPYING = {"data.autoencode": True}

ROWS = {
    "data.pairs": [Row(learned, "other")],
    "data.source": [Row(learned, "doubled", given=ALIGNED)],
    "data.target": [Row(learned, "doubled", given=ALIGNED)],
    "data.swap": [Row(learned, True, swapped)],
    "data.autoencode": [Row(learned, True, copies)],
    "data.altered": [Row(learned, 0.9, altered_alike, COPYING)],
    "data.noise": [Row(learned, 0.5, noisy), Row(learned, 0.5, noisy, COPYING)],
    **{key: [Row(held_out, "others", alone_changes(key), OWN)] for key in OWN},
    "data.split": [Row(shares, [0.5, 0.2, 0.3], becomes([10, 4, 6]))],
    "data.blank_lines": [Row(usable, "skip", becomes(True), {"data.pairs": "blanks"})],
    "data.normalisation": [
        Row(letters_of_targets, "NFKC", lambda before, after: "ﬁ" in before - after and "i" in after)
    ],
    "data.tokenizer": [Row(spelt, "subwords", becomes("é"))],
    "data.joint_vocabulary": [Row(sizes, True, one_vocabulary), Row(embeddings, True, becomes(1))],
    "data.vocabulary_size": [
        Row(
            sizes,
            320,
            lambda small, large: all(a < b for a, b in zip(small, large)),
            {"data.tokenizer": "subwords"},
        )
    ],
    "data.max_length": [
        Row(longest, 6, lambda before, after: before[0] > 6 == after[0] < before[1] == after[1])
    ],
    "data.batch_tokens": [Row(largest_batch, 20, lambda many, few: many[1] > 20 >= few[1])],
    "data.cache": [Row(kept_in_cache, "cache")],
    "data.allow_unknown": [Row(refuses_unknown, True, becomes(False))],
    "data.extend_vocabulary": [Row(characters_gained, True, lambda none, some: none == 0 < some)],
    "data.max_dropped": [Row(refuses_short, 1.0, becomes(False), {"data.max_length": 4})],
    "model.cell": [Row(parameters, "gru")],
    "model.units": [Row(parameters, 6)],
    # Two directions of half the units each.
    "model.encoder_layers": [Row(parameters, 2, grows(2 * 4 * 2 * (4 + 2 + 1)))],
    "model.decoder_layers": [Row(parameters, 2, grows(4 * 4 * (4 + 4 + 1)))],
    "model.embedding_size": [Row(parameters, 5)],
    "model.attention": [
        Row(outputs, "scaled_dot", given={"model.attention": "dot"}),
        Row(parameters, "additive", grows(2 * 4 * 4 + 2 * 4 - 4 * 4)),
        Row(parameters, "none"),
    ],
    "model.heads": [Row(outputs, 2, given={"model.attention": "multi_head"})],
    "model.dropout": [Row(noise, 0.5, only_after)],
    "model.embedding_dropout": [Row(noise, 0.5, only_after)],
    "model.word_dropout": [Row(noise, 0.5, only_after)],
    "model.recurrent_dropout": [Row(noise, 0.5, only_after)],
    "training.seed": [Row(batches, 1), Row(batches, 1, given=COPYING | {"data.altered": 0.9})],
    "training.batch_size": [Row(largest_batch, 3, lambda many, few: many[0] == 4 and few[0] == 3)],
    "training.precision": [Row(outputs, "mixed_bfloat16")],
    "training.label_smoothing": [Row(losses, 0.3)],
}
TABLE = Table(kerasapp.Translation, BASE, ROWS)


@pytest.mark.parametrize("key", TABLE.keys())
def test_every_setting_acts(key):
    TABLE.check(key)


def test_all_rows_are_of_settings():
    assert not TABLE.unknown()
