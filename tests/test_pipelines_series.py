"""Series in splits by time, and batches of windows that are a function of seed and step."""

import fractions
import itertools
import math

import numpy as np
import pytest

from pipelines import series
from pipelines.errors import DataError

VALUES = np.arange(100, dtype=np.float32)[:, None]  # [time, 1]; the value tells the place


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{t * t},{(t * 7) % 13}\n" for t in range(200)))
    return path


def batches(count, start_step=0, **options):
    data = series.training_windows(VALUES, **{"streams": 4, "window": 10, "seed": 1, **options},
                                   start_step=start_step)  # fmt: skip
    return [tuple(array.numpy() for array in batch) for batch in data.take(count)]


def test_splits_by_time_and_scaling_of_the_training_split(file):
    corpus = series.prepare([file], split=(0.5, 0.25, 0.25))
    assert corpus.bounds == {"train": (0, 100), "valid": (100, 150), "test": (150, 200)}
    assert corpus.sizes == {"train": 100, "valid": 50, "test": 50}
    x = np.arange(200) ** 2
    np.testing.assert_allclose(
        corpus.split("test")[:, 0], (x[150:] - x[:100].mean()) / x[:100].std(), rtol=1e-5
    )
    assert corpus.scaling.columns == ("x", "y")


@pytest.mark.parametrize("percent", [(57, 20, 23), (29, 28, 43), (14, 43, 43)])
def test_a_share_that_floats_do_not_hit_loses_no_step(file, percent):
    """100 * 0.57 is 56.99999999999999 to a computer."""
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:101]))
    corpus = series.prepare([file], split=[share / 100 for share in percent], minimum=1)
    assert tuple(corpus.sizes.values()) == percent


def test_another_value_is_another_content(file):
    first = series.prepare([file]).content
    assert series.prepare([file]).content == first
    file.write_text(file.read_text().replace("39601,", "39601.5,"))
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
        (
            {"minimum": 1000},
            "the train split has 160 of the 200 steps; at least 1000 are needed: .* up to 159",
        ),
        ({"split": (0.999, 0.0005, 0.0005)}, "the valid split has 0 of the 200 steps; at least 1"),
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


def csv(tmp_path, header, *rows):
    path = tmp_path / "b.csv"
    path.write_text(f"{header}\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    return [path]


WAVE = [round(math.sin(t), 3) for t in range(40)]


@pytest.mark.parametrize(
    ("header", "first", "message"),
    [
        ("i,y", range(40), r"column i counts evenly \(0, 1, 2, ...\).*--data.columns"),
        ("t,y", range(1704067200, 1704067200 + 40 * 3600, 3600), r"column t counts evenly \(1704067200, "),
        (
            "m,y",
            [f"{2020 + t // 12}{t % 12 + 1:02}" for t in range(40)],
            "column m holds dates .*--data.date m",
        ),
        ("d,y", [f"202401{t:02}" for t in range(1, 32)], "column d holds dates .*--data.date d"),
    ],
)
def test_a_column_that_is_none_of_values_is_named(tmp_path, header, first, message):
    file = csv(tmp_path, header, *zip(first, WAVE, strict=False))
    with pytest.raises(DataError, match=message):
        series.prepare(file, minimum=1)
    named = series.prepare(file, columns=[header[0], "y"], minimum=1)  # the user has the last word
    assert named.table.columns == (header[0], "y")


def test_a_series_that_only_grows_is_one(tmp_path):
    assert series.prepare(csv(tmp_path, "y", *([t] for t in range(40))), minimum=1).sizes["train"] == 32


def test_what_may_be_wrong_is_remarked(tmp_path):
    days = [f"2024-01-{day:02}" for day in range(1, 32) if day != 20]
    rows = [(day, wave, int(i == 4)) for i, (day, wave) in enumerate(zip(days, WAVE, strict=False))]
    corpus = series.prepare(csv(tmp_path, "day,wave,stuck", *rows), date="day", minimum=1)
    found = corpus.remarks()
    stuck = "column stuck: 3 of the 3 values of the {} split are 0; metrics of it say little"
    assert found[:2] == [stuck.format(name) for name in ("valid", "test")]
    assert found[2].startswith("the dates are not evenly spaced, as from 2024-01-19 to 2024-01-21: ")
    assert corpus.remarks(["train"]) == found[2:]
    mostly = series.prepare(
        csv(tmp_path, "a", *([int(t == 7)] for t in range(200))), split=(1, 0, 0), minimum=1
    )
    expected = "column a: 199 of the 200 values of the train split are 0; metrics of it say little"
    assert mostly.remarks() == [expected]
    assert series.prepare(csv(tmp_path, "a", *([wave] for wave in WAVE)), minimum=1).remarks() == []


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (lambda t: 2020 + t // 12, True),
        (lambda t: t % 12 + 1, True),
        (lambda t: t % 7, True),
        (lambda t: 1 + (t * 7) % 3 - t % 2, False),  # as counts go
        (lambda t: t // 12, False),  # so few that it may be a level
        (lambda t: t * t % 40 + 0.5, False),
    ],
)
def test_a_column_of_months_or_years_is_remarked(tmp_path, of, told):
    rows = [(of(t), WAVE[t % len(WAVE)]) for t in range(60)]
    found = series.prepare(csv(tmp_path, "m,y", *rows), split=(1, 0, 0), minimum=1).remarks()
    assert [line for line in found if "counts months" in line] == found
    assert len(found) == told and (not told or found[0].startswith("column m counts months"))


@pytest.mark.parametrize(("places", "value"), [((7, 11), -999.9), ((30,), 9999)])
def test_a_value_far_from_all_others_is_remarked(tmp_path, places, value):
    days = [f"2024-01-{day:02}" for day in range(1, 32)]
    rows = [(day, value if i in places else wave) for i, (day, wave) in enumerate(zip(days, WAVE))]
    (found,) = series.prepare(csv(tmp_path, "day,t", *rows), date="day", minimum=1).remarks()
    first = f"column t: {value:g} ({len(places)} of 31 values, first at {days[places[0]]}) is far from all"
    assert found.startswith(first) and "missing value" in found


def test_values_below_what_tensorflow_tells_from_0_are_named(tmp_path):
    with pytest.raises(DataError, match=r"column y: its values are too small.*smaller unit"):
        series.prepare(csv(tmp_path, "y", *([wave * 1e-310] for wave in WAVE)), minimum=1)


def test_a_value_that_no_network_can_read_is_named(tmp_path):
    file = csv(tmp_path, "y", *([wave] for wave in WAVE[:39]), [1e40])
    with pytest.raises(DataError, match=r"column y: 1e\+40 is more than 1e\+15 deviations"):
        series.prepare(file, minimum=1)


@pytest.mark.parametrize("level", [2e9, -3e14, 1e39, 1e-40])
def test_a_narrow_band_at_a_high_level_keeps_all_its_values(tmp_path, level):
    """The values are decimals; Python's fractions scale them without any rounding."""
    texts = [repr(level * (1 + 2e-8 * wave)) for wave in WAVE]
    corpus = series.prepare(csv(tmp_path, "y", *([text] for text in texts)), split=(1, 0, 0), minimum=1)
    exact = [fractions.Fraction(text) for text in texts]
    mean = sum(exact) / len(exact)
    deviation = float(sum((x - mean) ** 2 for x in exact) / len(exact)) ** 0.5 if level < 1e30 else None
    scale = fractions.Fraction(deviation or 1) if deviation else max(abs(x - mean) for x in exact)
    found = corpus.split("train")[:, 0]
    if deviation:
        np.testing.assert_allclose(found, [float((x - mean) / scale) for x in exact], atol=2e-5)
    else:
        np.testing.assert_allclose(
            found / abs(found).max(), [float((x - mean) / scale) for x in exact], atol=2e-5
        )
    assert len(np.unique(found)) == len(set(texts))
