"""Probabilities of a translation's tokens, against what the servable scores."""

import json

import hand_made
import numpy as np
import pytest
import tensorflow as tf

from kerasapp.tasks.translation import inspection as translation

SENTENCES = ["a b c", "hgfe <&"]


@pytest.fixture(scope="module")
def translator():
    return hand_made.translator()


@pytest.fixture(scope="module")
def contents(translator):
    return json.loads(json.dumps(translation.inspect(translator, SENTENCES), allow_nan=False))


def test_the_probabilities_multiply_to_what_the_servable_scores(translator, contents):
    tokenizer, servable = translator.servable.target_tokenizer, translator.servable
    for sentence, found in zip(SENTENCES, contents["sentences"], strict=True):
        assert len(found["target"]) > 1
        letters = [token for token in found["target"] if token != "</s>"]
        ids = tokenizer.encode(tf.constant(["".join(letters)])).numpy()[0].tolist()
        ids += [tokenizer.end_id] * (len(found["target"]) - len(letters))
        source = servable.tokenize(tf.constant([sentence]))["ids"]
        nats = servable.nats(source, tf.constant([[tokenizer.start_id, *ids[:-1]]]), tf.constant([ids]))
        assert -np.sum(np.log(found["probabilities"])) == pytest.approx(float(nats[0]), rel=0.01)


def test_a_sentence_has_all_that_is_shown(translator, contents):
    answers = translator.translate(SENTENCES, n_best=3)
    for answer, found in zip(answers, contents["sentences"], strict=True):
        assert (found["text"], found["source"]) == (answer.text, answer.source_tokens)
        assert found["others"] == [[text, round(score, 4)] for text, score in answer.n_best[1:]]
        np.testing.assert_allclose(found["alignment"], answer.alignment, atol=1e-4)
        rows = zip(found["target"], found["probabilities"], found["alternatives"], strict=True)
        for token, share, alternatives in rows:
            shares = [share for _, share in alternatives]
            assert shares == sorted(shares, reverse=True) and share <= shares[0]
            assert dict(alternatives).get(token, share) == share
