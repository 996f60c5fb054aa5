"""A vocabulary that grows: what a model knew stays, and new characters get rows of their own."""

import keras
import numpy as np
import pytest

import kerasapp
from kerasapp.config import building
from kerasapp.errors import ConfigError
from kerasapp.training.extension import extended
from pipelines.text.tokenizers import CharacterTokenizer

TRAINING = {"steps": 4, "batch_size": 4}


def grown(task, **data):
    """(trained model, larger task, its model) of a task that goes on with other data."""
    keras.utils.set_random_seed(4)
    model = task.build(training=False)
    config = building.build(task.config, {"data": {**data, "extend_vocabulary": True}})
    return model, *extended(task, config, model)


@pytest.mark.parametrize("tied", [False, True])
def test_the_logits_of_the_known_characters_stay(write, tmp_path, tied):
    task = kerasapp.Generation(
        data={"files": (str(write("bdfh\n" * 60, "old")),), "window": 8, "cache": str(tmp_path / "cache")},
        model={"units": 12, "embedding_size": 12, "tie_embeddings": tied, "dropout": 0.0},
        training=TRAINING,
    )
    old = task.tokenizer
    assert old.characters == "\nbdfh"
    model, larger, new = grown(task, files=(str(write("abcg\n" * 60, "new")),))
    tokenizer = larger.tokenizer
    assert tokenizer.characters == "\nabcdfgh" and new.vocabulary_size == 12
    text = np.array(["fbd\nhhdb"], object)
    before, after = (
        model(t.encode(text).to_tensor()).numpy() for t, model in ((old, model), (tokenizer, new))
    )
    known = [4 + tokenizer.characters.index(c) for c in old.characters]
    np.testing.assert_allclose(after[..., [0, 1, 2, 3, *known]], before, rtol=1e-5, atol=1e-6)
    added = [4 + tokenizer.characters.index(c) for c in "acg"]
    for row in added:  # the mean of the known ones
        np.testing.assert_allclose(after[..., row], before[..., 4:].mean(-1), rtol=1e-4, atol=1e-6)
    assert not larger.corpus.unknown["train"].count and task.corpus.unknown["train"].count == 0


def test_both_sides_of_a_translation_grow(write, tmp_path):
    pairs = write("".join(f"{'bd' * (i % 5 + 1)} {i % 2}\tx{'yz' * (i % 7)}\n" for i in range(40)), "old.tsv")
    more = write("".join(f"{'abe' * (i % 5 + 1)} {i % 3}\txw{'v' * (i % 7)}\n" for i in range(40)), "new.tsv")
    for joint in (False, True):
        task = kerasapp.Translation(
            data={
                "pairs": str(pairs), "tokenizer": "characters", "cache": str(tmp_path / "cache"),
                "split": (1, 0, 0), "joint_vocabulary": joint,
            },
            model={"units": 8, "embedding_size": 6},
            training=TRAINING,
        )  # fmt: skip
        model, larger, new = grown(task, pairs=str(more))
        (source, target), (old_source, old_target) = larger.tokenizer, task.tokenizer
        assert (source is target) == joint and set(old_source.characters) < set(source.characters)
        assert {*"ae2"} <= set(source.characters) and {*"wv"} <= set(target.characters)
        inputs = [
            {name: t.encode(np.array([text], object)).to_tensor() for name, t, text in sides}
            for sides in (
                [("source", old_source, "bdb 1"), ("target_in", old_target, "xyz")],
                [("source", source, "bdb 1"), ("target_in", target, "xyz")],
            )
        ]
        known = [4 + target.characters.index(c) for c in old_target.characters]
        np.testing.assert_allclose(
            new(inputs[1]).numpy()[..., known], model(inputs[0]).numpy()[..., 4:], atol=1e-5
        )


def test_subwords_have_nothing_to_extend(write, tmp_path):
    text = str(write("some words and more words\n" * 60, "old"))
    task = kerasapp.Generation(
        data={"files": (text,), "tokenizer": "subwords", "vocabulary_size": 300, "window": 8},
        model={"units": 8, "embedding_size": 4},
        training=TRAINING,
    )
    with pytest.raises(ConfigError, match=r"data\.extend_vocabulary: subwords spell any character"):
        grown(task, cache=str(tmp_path / "cache"))


def test_a_tokenizer_with_more_characters():
    tokenizer = CharacterTokenizer("bd", "NFKC").extended("ac")
    assert (tokenizer.characters, tokenizer.normalisation) == ("abcd", "NFKC")
    assert CharacterTokenizer("bd").extended("b").fingerprint() == CharacterTokenizer("bd").fingerprint()
