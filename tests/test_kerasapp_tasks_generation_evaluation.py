"""The figures of an evaluation in several streams, beside the same ones from the model's own logits."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from settings import filled
from tiny import TEXT

import kerasapp
from kerasapp.tasks.generation import task as generation
from pipelines.text.tokenizers import CharacterTokenizer, SubwordTokenizer

BURN_IN, STREAMS = 5, 3


def nats_of_piece(model, tokens, line_break, start, end, burn_in):
    """-ln p of tokens[start:end], read from `burn_in` tokens before them on, the model at rest; an unknown
    one (1) is one of all code points but those that the model knows."""
    first = max(0, start - burn_in)
    before = np.concatenate([[line_break], tokens])[first:end]  # of each token, the one before it
    log_p = tf.nn.log_softmax(model(before[np.newaxis].astype(np.int32))[0]).numpy().astype(np.float64)
    nats = -log_p[np.arange(start - first, end - first), tokens[start:end]].sum()
    return nats + (tokens[start:end] == 1).sum() * np.log(0x110000 - 0x800 - (log_p.shape[1] - 4))


def test_each_stream_reads_the_tokens_before_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "BURN_IN", BURN_IN)
    monkeypatch.setattr(generation, "SCORED_AT_ONCE", 16)
    (tmp_path / "text.txt").write_text(TEXT[:1000], encoding="utf-8")
    task = kerasapp.Generation(
        data={"files": [str(tmp_path / "text.txt")], "split": [0.8, 0.1, 0.1]},
        model={"units": 4, "embedding_size": 3},
        training={"steps": 1},
        minimum=1,
    )
    model = filled(task.build(training=False))
    figures = task.predictor(task, model).evaluate("test", streams=STREAMS)

    tokens = np.asarray(task.tokens("test"))
    bounds = np.linspace(0, len(tokens), STREAMS + 1).astype(int)

    def expected(burn_in):
        pieces = itertools.pairwise(bounds)
        line_break = task.tokenizer.line_break_id
        return sum(nats_of_piece(model, tokens, line_break, *piece, burn_in) for piece in pieces) / 100

    assert figures["items"] == 100
    assert figures["nats_per_character"] == pytest.approx(expected(BURN_IN), rel=1e-5)
    assert abs(expected(BURN_IN) / expected(0) - 1) > 1e-4  # what would be there without


def test_perplexity_is_per_token_and_the_others_are_per_character(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT[:2000], encoding="utf-8")
    task = kerasapp.Generation(
        data={"files": [str(tmp_path / "text.txt")], "split": [0, 0, 1], "cache": str(tmp_path)},
        model={"units": 4, "embedding_size": 3},
        training={"steps": 1},
        tokenizer=SubwordTokenizer.learn([TEXT], vocabulary_size=600),
        minimum=1,
    )
    model = task.build(training=False)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])  # any token is as likely
    figures, tokens = task.predictor(task, model).evaluate("test"), len(task.tokens("test"))
    outputs = model.output_shape[-1]
    assert tokens < 1990 and figures["items"] == 2000
    assert figures["perplexity_per_token"] == pytest.approx(outputs, rel=1e-4)
    nats = tokens * np.log(outputs) / 2000
    assert figures["nats_per_character"] == pytest.approx(nats, rel=1e-5)
    assert figures["bits_per_character"] == pytest.approx(nats / np.log(2), rel=1e-5)


def latin(text, folder):
    """A task that knows three characters, with a text as its test split."""
    (folder / "text.txt").write_text(text, encoding="utf-8")
    return kerasapp.Generation(
        data={"files": [str(folder / "text.txt")], "split": [0, 0, 1], "cache": str(folder)},
        model={"units": 4, "embedding_size": 3},
        training={"steps": 1},
        tokenizer=CharacterTokenizer("\nab"),
        minimum=1,
    )


def test_an_unknown_character_is_never_a_right_answer(tmp_path):
    """A model that is sure of "unknown" is worse on such a text than one that knows nothing."""
    task = latin("жд" * 300 + "a\n" * 300, tmp_path)
    model = task.build(training=False)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][task.tokenizer.unknown_id] = 20.0  # the bias: the next character is unknown, for sure
    model.set_weights(weights)
    generator = task.predictor(task, model)
    spelling = np.log(0x110000 - 0x800 - 3)
    (score,) = generator.score(["ж"])
    assert score["nats"] == pytest.approx(spelling, abs=1e-4) and spelling > 13.9
    figures = task.evaluate(generator, "test", streams=1)
    assert figures["nats_per_character"] == pytest.approx((spelling + 20) / 2, rel=1e-3)
    assert np.exp(-spelling) * (0x110000 - 0x800 - 3) == pytest.approx(1)  # all of them together are sure


def test_the_unknown_characters_of_a_split_are_told(tmp_path, capsys):
    task = latin("a" * 90 + "ж" * 10, tmp_path)
    task.evaluate(task.predictor(task, task.build(training=False)), "test")
    assert (
        "10 of 100 characters of the test split (10%) are not in the vocabulary: ж 10"
        in capsys.readouterr().err
    )
