"""Every setting of `generation` acts: one row or more per field of its configuration."""

import contextlib
import itertools

import numpy as np
import pytest
import tensorflow as tf
from settings import (
    Row,
    Table,
    batches,
    becomes,
    characters_gained,
    differ,
    filled,
    grows,
    kept_in_cache,
    noise,
    only_after,
    outputs,
    parameters,
    refuses_unknown,
    rows_of_batch,
)
from tiny import TEXT

import kerasapp
from kerasapp.training import fit

TEXT = "0123456789\n" + TEXT[:1500]
SIZE = 4 + len(set(TEXT))  # of the vocabulary: the special tokens and the characters
OTHER = "ﬁve caf\u0065\u0301s, " * 40  # a ligature, and an accent of its own


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder, with all files that the rows name."""
    path = tmp_path_factory.mktemp("settings")
    (path / "text.txt").write_text(TEXT, encoding="utf-8")
    (path / "other.txt").write_text(OTHER, encoding="utf-8")
    with contextlib.chdir(path):
        yield


def texts(task):
    """The text of each split."""
    ids = [np.asarray(task.tokens(split), np.int32) for split in ("train", "valid", "test")]
    return [task.tokenizer.decode(row[np.newaxis], [len(row)]).numpy()[0].decode() for row in ids]


def cut(*places):
    ends = [0, *(int(len(TEXT) * place) for place in places), len(TEXT)]
    return [TEXT[start:end] for start, end in itertools.pairwise(ends)]


def reading(task):
    """The training text as it is learned from, and a prompt as it is read."""
    servable = task.servable(task.build(training=False))
    prompt = servable.tokenize(tf.constant(["ﬁ e\u0301"]))
    return [texts(task)[0], prompt["normalised"].numpy()[0].decode()]


def spelt(task):
    """What comes back of a character that the training text lacks: subwords spell it in bytes."""
    ids = task.tokenizer.encode(["é"])
    return task.tokenizer.decode(ids.to_tensor(), ids.row_lengths()).numpy()[0].decode()


def windows(task):
    """(tokens of a row, whether each row goes on where it ended)."""
    (first, targets), (second, _) = batches(task, 2)
    return first.shape[1], np.array_equal(targets[:, -1], second[:, 0])


# === Against a discriminator ===

ADVERSARIAL = {
    "data.window": 4,
    "training.adversarial": True,
    "training.context": 2,
    "training.rollouts": 1,
    "training.rollout_tokens": 1,
    "training.warmup_steps": 0,
    "training.discriminator_steps": 1,
    "training.minutes": 1,
}


def learner(task):
    """What `fit` trains, compiled, and its first batch."""
    model = task.learner(filled(task.build()))
    model.compile(fit.make_optimizer(task.config.training), loss=task.loss(), jit_compile=False)
    return model, next(iter(task.training_data().take(1)))


def reported(task):
    """The losses that a step of training reports."""
    model, batch = learner(task)
    batch = batch if isinstance(batch, tuple) else (batch,)
    return set(model.train_step(batch))


def rewards(task):
    """What the discriminator makes of two texts, by rollouts: [2, tokens that are written]."""
    model, _ = learner(task)
    texts = tf.reshape(tf.range(4, 4 + 2 * task.config.data.window), [2, -1])
    return model.rewards(texts, tf.constant(0)).numpy()


def lessons(task):
    """What three steps teach: in which of them the generator learns, and both models' weights after them."""
    model, real = learner(task)
    learned = []
    for _ in range(3):
        before = model.generator.get_weights()
        model.train_step((real,))
        learned.append(differ(before, model.generator.get_weights()))
    weights = {"generator": model.generator.get_weights(), "discriminator": model.discriminator.get_weights()}
    return {"learned": learned, **weights}


def learned_in(*steps):
    return lambda before, after: all(before["learned"]) and after["learned"] == list(map(bool, steps))


def other_weights(name):
    return lambda before, after: before["learned"] == after["learned"] and differ(before[name], after[name])


def pairs_share(before, after):
    """Whether two tokens each share a reward in `after` alone."""
    shares = [np.array_equal(found[:, 0::2], found[:, 1::2]) for found in (before, after)]
    return shares == [False, True]


BASE = {
    "data.files": ["text.txt"],
    "data.split": [0.8, 0.1, 0.1],
    "data.vocabulary_size": 310,
    "data.window": 6,
    "model.cell": "lstm",
    "model.units": 4,
    "model.layers": 1,
    "model.embedding_size": 3,
    "model.tie_embeddings": False,
    "model.dropout": 0.0,
    "model.input_dropout": 0.0,
    "model.recurrent_dropout": 0.0,
    "model.layer_normalisation": False,
    "model.residual": False,
    "training.batch_size": 2,
    "training.precision": "float32",
}

ROWS = {
    "data.files": [Row(batches, ["text.txt", "other.txt"])],
    "data.split": [Row(texts, [0.5, 0.2, 0.3], becomes(cut(0.5, 0.7)))],
    "data.normalisation": [
        Row(reading, "NFKC", becomes(["five cafés, " * 32, "fi é"]), {"data.files": ["other.txt"]}),
        Row(reading, "none", becomes([OTHER[:-96], "ﬁ e\u0301"]), {"data.files": ["other.txt"]}),
    ],
    "data.tokenizer": [Row(spelt, "subwords", becomes("é"))],
    "data.vocabulary_size": [
        Row(
            lambda task: task.tokenizer.size,
            330,
            lambda small, large: small < large <= 330,
            {"data.tokenizer": "subwords"},
        )
    ],
    "data.window": [Row(windows, 9, becomes((9, True)))],
    "data.cache": [Row(kept_in_cache, "cache")],
    "data.allow_unknown": [Row(refuses_unknown, True, becomes(False))],
    "data.extend_vocabulary": [Row(characters_gained, True, lambda none, some: none == 0 < some)],
    "model.cell": [
        Row(parameters, "gru", grows(3 * 4 * (3 + 4 + 2) - 4 * 4 * (3 + 4 + 1))),
        Row(parameters, "simple_rnn", grows((1 - 4) * 4 * (3 + 4 + 1))),
    ],
    "model.units": [Row(parameters, 6, grows(4 * 6 * (3 + 6 + 1) - 4 * 4 * (3 + 4 + 1) + 2 * SIZE))],
    "model.layers": [Row(parameters, 2, grows(4 * 4 * (4 + 4 + 1)))],
    "model.embedding_size": [Row(parameters, 5, grows(2 * SIZE + 2 * 4 * 4))],
    "model.tie_embeddings": [Row(parameters, True, grows(-5 * SIZE), {"model.embedding_size": 4})],
    "model.dropout": [Row(noise, 0.5, only_after)],
    "model.input_dropout": [Row(noise, 0.5, only_after)],
    "model.recurrent_dropout": [Row(noise, 0.5, only_after)],
    "model.layer_normalisation": [Row(parameters, True, grows(2 * 4))],
    "model.residual": [Row(outputs, True, given={"model.embedding_size": 4})],
    "training.seed": [Row(batches, 1), Row(rewards, 1, given=ADVERSARIAL)],
    "training.batch_size": [Row(rows_of_batch, 4, becomes(4))],
    "training.precision": [Row(outputs, "mixed_bfloat16")],
    "training.adversarial": [
        Row(
            reported,
            True,
            becomes({"loss", "discriminator_loss", "told_apart", "reward"}),
            {k: v for k, v in ADVERSARIAL.items() if k != "training.adversarial"},
        )
    ],
    "training.context": [Row(lambda task: rewards(task).shape, 3, becomes((2, 1)), ADVERSARIAL)],
    "training.rollouts": [Row(rewards, 3, given=ADVERSARIAL)],
    "training.rollout_tokens": [Row(rewards, 2, pairs_share, ADVERSARIAL)],
    "training.warmup_steps": [Row(lessons, 2, learned_in(0, 0, 1), ADVERSARIAL)],
    "training.discriminator_steps": [Row(lessons, 2, learned_in(1, 0, 1), ADVERSARIAL)],
    "training.discriminator_rate": [Row(lessons, 0.1, other_weights("discriminator"), ADVERSARIAL)],
    "training.likelihood": [Row(lessons, 1.0, other_weights("generator"), ADVERSARIAL)],
}
TABLE = Table(kerasapp.Generation, BASE, ROWS)


@pytest.mark.parametrize("key", TABLE.keys())
def test_every_setting_acts(key):
    TABLE.check(key)


def test_all_rows_are_of_settings():
    assert not TABLE.unknown()
