"""Series in splits by time, and batches of windows that are a function of seed and step."""

import itertools

import numpy as np
import pytest

from pipelines import series
from pipelines.errors import DataError

VALUES = np.arange(100, dtype=np.float32)[:, None]  # [time, 1]; the value tells the place


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{t},{(t * 7) % 13}\n" for t in range(200)))
    return path


def batches(count, start_step=0, **options):
    data = series.training_windows(VALUES, **{"streams": 4, "window": 10, "seed": 1, **options},
                                   start_step=start_step)  # fmt: skip
    return [tuple(array.numpy() for array in batch) for batch in data.take(count)]


def test_splits_by_time_and_scaling_of_the_training_split(file):
    corpus = series.prepare([file], split=(0.5, 0.25, 0.25))
    assert corpus.bounds == {"train": (0, 100), "valid": (100, 150), "test": (150, 200)}
    assert corpus.sizes == {"train": 100, "valid": 50, "test": 50}
    x = np.arange(200)
    np.testing.assert_allclose(
        corpus.split("test")[:, 0], (x[150:] - x[:100].mean()) / x[:100].std(), rtol=1e-5
    )
    assert corpus.scaling.columns == ("x", "y")


def test_another_value_is_another_content(file):
    first = series.prepare([file]).content
    assert series.prepare([file]).content == first
    file.write_text(file.read_text().replace("199,", "198.5,"))
    assert series.prepare([file]).content != first


def test_a_window_is_what_comes_after_the_values_before():
    for before, values in batches(30):
        np.testing.assert_array_equal(np.diff(values[:, :, 0]) % 100, 1)
        expected = np.where(values == 0, 0, values - 1)  # zeros come before the first value
        np.testing.assert_array_equal(before, expected)


def test_streams_go_on_where_they_ended_for_a_pass():
    found = batches(10)
    for (_, earlier), (_, later) in itertools.pairwise(found):
        np.testing.assert_array_equal((earlier[:, -1] + 1) % 100, later[:, 0])
    one_pass = np.stack([values for _, values in found], axis=1)  # [streams, steps, window, 1]
    assert all(sorted(stream.ravel()) == list(range(100)) for stream in one_pass)


def test_order_is_a_function_of_seed_and_step():
    whole, later = batches(25), batches(5, start_step=20)
    for one, other in zip(whole[20:], later, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    assert any(np.any(a[1] != b[1]) for a, b in zip(batches(25, seed=2), whole, strict=True))


def test_validation_is_fixed_and_covers_the_split():
    data = series.validation_windows(VALUES, streams=3, window=10)
    first, second = ([values.numpy() for _, values in data] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert {0.0, 99.0} <= set(np.ravel(first))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum": 1000}, "the train split has 160 steps; at least 1000 are needed"),
        ({"split": (0.999, 0.0005, 0.0005)}, "the valid split has 0 steps; at least 1"),
        ({"split": (0.0, 0.5, 0.5)}, "leaves no training split"),
        ({"transform": "log"}, "column x: 0, and the transform log takes above 0"),
    ],
)
def test_what_cannot_be_used_is_told(file, options, message):
    with pytest.raises(DataError, match=message):
        series.prepare([file], **options)


def test_other_columns_than_the_models(file):
    scaling = series.prepare([file], columns=["y"]).scaling
    assert series.prepare([file], scaling=scaling).table.columns == ("y",)
    with pytest.raises(DataError, match="are not the model's"):
        series.prepare([file], columns=["x"], scaling=scaling)


def test_a_series_shorter_than_a_window():
    with pytest.raises(DataError, match="100 steps are fewer than one window of 100 and one"):
        batches(1, window=100)
