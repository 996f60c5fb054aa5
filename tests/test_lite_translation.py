"""The small runtime's beam search against its rules in plain Python."""

import numpy as np
import pytest
from beam_reference import STEPS, Plain, allowed, model

from kerasapp.tasks.translation.spec import SPEC
from kerasapp_lite import knobs
from kerasapp_lite.translation import Search, Translator, search
from kerasapp_lite.vocabulary import Characters


def look_of(tables, offset, source):
    """The model of `beam_reference`, whose ids are one less: it has no unknown token."""
    logits, alignments = tables

    def look(tokens, states):
        last, past = np.maximum(tokens - 1, 0), states["seen"]
        position = (int(states["time"][0, 0]) + offset) % STEPS
        given = logits[position, last] * (1 + 0.1 * np.sin(past.sum(axis=1, keepdims=True)))
        given = np.pad(given + allowed(given.shape[1]), ((0, 0), (1, 0)), constant_values=-np.inf)
        seen = np.concatenate([past[:, 1:], last[:, None]], axis=1).astype("float32")
        looked = alignments[position, last][:, :source]
        return given.astype("float32"), looked, {"time": states["time"] + 1, "seen": seen}

    return look


@pytest.mark.parametrize("seed", range(40))
def test_search_is_the_plain_search(seed):
    rng = np.random.default_rng(seed)
    tables, offset, source = model(seed, words=6), int(rng.integers(STEPS)), int(rng.integers(1, 5))
    beam_size, shortest = int(rng.integers(1, 6)), int(rng.integers(0, 4))
    alpha, beta = float(rng.choice([0.0, 0.6, 2.0])), float(rng.choice([0.0, 0.2, 1.0]))
    knobs = Search(beam_size, alpha, beta, shortest, max(1, shortest + int(rng.integers(0, 6))))
    rows = max(beam_size, int(rng.integers(1, 7)))  # a signature may have more rows than beams are asked for
    states = {"time": np.zeros([rows, 1], "int32"), "seen": np.zeros([rows, 3], "float32")}
    found = search(look_of(tables, offset, source), states, rows, source, knobs)
    oracle = Plain(tables, offset, *knobs, source=source)
    expected = oracle.search()
    assert len(found) == len(expected)
    for (score, finished, ids, alignment), (own, ended, _, own_score) in zip(found, expected, strict=True):
        assert [i - 1 for i in ids] == list(own) and finished == ended
        np.testing.assert_allclose(score, own_score, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(alignment, oracle.alignment(own, ended)[:, :source], atol=1e-6)


class Yielding:
    """A bundle of the letters a and b, whose model writes "a" and would always rather end."""

    states = ["h"]
    knobs = knobs.read({"knobs": [knob.described() for knob in SPEC.knobs if knob.on_phone]})
    metadata = {"limits": {"spare": 10, "target": 6}}
    shapes = {("encode", "ids"): [1, 20], ("step_beam", "ids"): [4]}

    def vocabulary(self, name):
        return Characters("ab")

    def shape(self, signature, name):
        return self.shapes[signature, name]

    def signature(self, name):
        return self._encode if name == "encode" else self._step

    def _encode(self, ids, length):
        return {"keys": ids, "h": np.zeros([1, 1], "float32")}

    def _step(self, ids, keys, h):
        logits = np.tile(np.array([9, 9, 9, 5, 1, 0], "float32"), (len(ids), 1))
        return {"logits": logits, "alignment": np.ones([len(ids), 20], "float32") / 20, "h": h}


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_greatest_length_goes_before_the_least(beam_size):
    """The bundle's limit is 6 tokens; of 10 characters and a ratio of 1 the least would be 10."""
    translator, ratios = Translator(Yielding()), {"min_ratio": 1.0, "max_ratio": 1.0}
    (found,) = translator.translate("ab" * 5, beam_size=beam_size, n_best=1, **ratios)
    assert (found.text, found.finished) == ("aaaaaa", True)
    (found,) = translator.translate("ab", beam_size=beam_size, n_best=1, **ratios)
    assert (found.text, found.finished) == ("aa", True)


def test_equal_texts_are_one_translation(monkeypatch):
    """The best of them, though their tokens differ: white space is squeezed."""
    translator = Translator(Yielding())
    texts = ["a", "b", "a", "c", "b"]
    found = [translator._translation(-float(i), True, [], np.zeros([1, 1])) for i in range(5)]
    made = [one._replace(text=text) for one, text in zip(found, texts, strict=True)]
    monkeypatch.setattr(translator, "_search", lambda ids, how: made)
    best = translator.translate("ab", beam_size=4, n_best=3)
    assert [(one.text, one.score) for one in best] == [("a", 0.0), ("b", -1.0), ("c", -3.0)]
