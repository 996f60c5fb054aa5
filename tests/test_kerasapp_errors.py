"""Which known name is offered for a wrong one."""

import pytest

from kerasapp.errors import is_close, nearest

KEYS = ["training.steps", "training.learning_rate", "training.batch_size", "model.units", "data.files"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("training.lerning_rate", "training.learning_rate"),
        ("lr", "training.learning_rate"),
        ("training.lr", "training.learning_rate"),
        ("units", "model.units"),
        ("data.units", "model.units"),
        ("batchsize", "training.batch_size"),
        ("data.file", "data.files"),
    ],
)
def test_the_nearest_name(word, expected):
    assert nearest(word, KEYS) == expected and is_close(word, expected)


@pytest.mark.parametrize("word", ["training.colour", "training.momentum"])
def test_a_name_of_something_else_is_close_to_none(word):
    assert not any(is_close(word, key) for key in KEYS)
