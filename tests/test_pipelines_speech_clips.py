"""Rows of clips as a batch: padding, silence, the end and guided attention, worked by hand."""

import math

import numpy as np
import pytest

from pipelines.speech.clips import LIMIT, PADDING, Clips, guided_attention
from pipelines.text.sequences import Sequences

LENGTHS = (5, 4, 1)  # frames of three clips, in two shards
FLOOR = -9.0


@pytest.fixture
def clips():
    """Two channels: the first counts frames, the second is 100 times as loud."""
    mels = [np.arange(9 * 2, dtype=np.float32).reshape(9, 2) * [0.5, 50] for _ in range(2)]
    locations = np.array([[0, 4, 5], [1, 0, 4], [0, 0, 1]])
    tokens = Sequences(np.array([7, 8, 9, 10, 11, 12]), np.array([0, 3, 5, 6]))
    statistics = {"mean": np.array([1, 0], np.float32), "deviation": np.array([2, 100], np.float32)}
    return Clips(tokens, mels, locations, statistics, FLOOR)


def test_lengths_and_log_mels(clips):
    assert (len(clips), clips.mels) == (3, 2)
    assert clips.token_lengths.tolist() == [3, 2, 1] and clips.frame_lengths.tolist() == list(LENGTHS)
    assert clips.mel(0).tolist() == [[frame, 100 * frame + 50] for frame in range(4, 9)]
    assert clips.steps(1).tolist() == [6, 5, 2] and clips.steps(2).tolist() == [4, 3, 2]


def test_rows_by_hand(clips):
    inputs, targets = clips.rows(np.array([0, 1]), 2)
    assert inputs["tokens"].tolist() == [[7, 8, 9, 3], [10, 11, 3, 0]]
    assert targets["stop"].tolist() == [[0, 0, 1, 1], [0, 1, 1, PADDING]]
    silence = (FLOOR - 1) / 2
    first = [(frame - 1) / 2 for frame in range(4, 9)] + [silence] * 3
    second = [(frame - 1) / 2 for frame in range(4)] + [silence] * 2 + [PADDING] * 2
    assert targets["mel_out"][:, :, 0].tolist() == [first, second]
    assert inputs["mel_in"][:, :, 0].tolist() == [[0, 2, 3, silence], [0, 0, 1, PADDING]]
    assert (inputs["mel_in"][1, 3] == PADDING).all() and (targets["mel_out"][1, 6:] == PADDING).all()
    assert not targets["alignment"].any()
    types = {array.dtype for array in (inputs["mel_in"], *targets.values())}
    assert types == {np.dtype(np.float32)} and inputs["tokens"].dtype == np.int32


@pytest.mark.parametrize("reduction", [1, 2, 3, 5, 7])
def test_shapes_agree_for_every_reduction(clips, reduction):
    inputs, targets = clips.rows(np.array([2, 0, 1]), reduction)
    steps = max(math.ceil(length / reduction) + 1 for length in LENGTHS)
    assert inputs["mel_in"].shape == (3, steps, 2)
    assert targets["mel_out"].shape == (3, steps * reduction, 2)
    assert targets["stop"].shape == (3, steps) and targets["alignment"].shape == (3, steps, 4)
    for row, length in enumerate((1, 5, 4)):
        own = math.ceil(length / reduction) + 1
        assert (targets["stop"][row] == 1).sum() == 2
        assert (targets["stop"][row] != PADDING).sum() == own
        assert (inputs["mel_in"][row, :, 0] != PADDING).sum() == own
        assert (targets["mel_out"][row, :, 0] != PADDING).sum() == own * reduction


def test_a_row_is_the_same_in_other_company(clips):
    alone, together = clips.rows(np.array([1]), 2, 0.5), clips.rows(np.array([1, 0]), 2, 0.5)
    for one, two in zip(alone, together, strict=True):
        for name, array in one.items():
            inside = tuple(map(slice, array[0].shape))
            np.testing.assert_array_equal(array[0], two[name][0][inside])


def test_log_mels_are_limited_so_that_none_is_padding():
    mels = [np.array([[1e9], [-1e9], [0]], np.float32)]
    statistics = {"mean": np.zeros(1, np.float32), "deviation": np.full(1, 0.01, np.float32)}
    clips = Clips(Sequences(np.array([4]), np.array([0, 1])), mels, np.array([[0, 0, 3]]), statistics, -11.5)
    targets = clips.rows(np.array([0]), 1)[1]
    assert targets["mel_out"][0, :, 0].tolist() == [LIMIT, -LIMIT, 0, -LIMIT]


def test_guided_attention_is_that_of_the_paper():
    found = guided_attention(np.array([3, 2]), np.array([4, 2]))
    assert found.shape == (2, 4, 3) and found.dtype == np.float32
    for row, (tokens, steps) in enumerate([(3, 4), (2, 2)]):
        for t in range(4):
            for s in range(3):
                cost = 1 - math.exp(-((s / tokens - t / steps) ** 2) / (2 * 0.2**2))
                expected = cost if t < steps and s < tokens else 0
                assert found[row, t, s] == pytest.approx(expected, abs=1e-6)


def test_the_guide_has_a_weight(clips):
    whole, half = (clips.rows(np.array([0, 2]), 2, weight)[1]["alignment"] for weight in (1.0, 0.5))
    np.testing.assert_allclose(whole, 2 * half)
    np.testing.assert_allclose(whole, guided_attention(np.array([4, 2]), np.array([4, 2])))
