"""The report of a series in a real browser: what it tells of a step, how it moves, calibration, axes."""

import re

import hand_made
import numpy as np
import pytest
from packed import unpack, unpack_rows
from report_pages import facts, launched, opening

from kerasapp.inspection import report
from kerasapp.tasks.series import inspection
from pipelines.dates import Dates, parse
from pipelines.tables import Table

COUNT = 700
WEEKS = np.arange(COUNT) / 52
VALUES = np.stack([40 + 15 * np.sin(2 * np.pi * WEEKS), 60 + 10 * np.cos(2 * np.pi * WEEKS)], axis=1)
VALUES += np.random.default_rng(6).normal(size=[COUNT, 2])
DATES = np.datetime64("2010-01-04") + 7 * np.arange(COUNT)
PARTS = [{"name": "training", "start": 0, "end": 500}, {"name": "test", "start": 500, "end": COUNT}]


@pytest.fixture(scope="module")
def contents():
    history = inspection.History(
        "the model's data",
        COUNT,
        VALUES[:0],
        Table(("a", "b"), VALUES, Dates.of([parse(str(date)) for date in DATES])),
        PARTS,
    )
    return inspection.inspect(hand_made.forecaster(("a", "b")), history)


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    with opening(browser, tmp_path) as open_report:
        yield open_report


def number(text):
    return float(text.replace("−", "-").replace(",", "").rstrip("%"))


def residuals(contents, column=0):
    return unpack(contents["columns"][column]["residuals"])


def restored(contents, column, scaled):
    """Values of a column in their own unit, of the square root's scaling."""
    found = contents["columns"][column]
    root = np.maximum(scaled * found["deviation"] + found["mean"], 0)
    return np.maximum(root**2 - 0.375, 0)


def step_of(page):
    """The step that is told, from 0."""
    return next(int(number(term.split()[1])) for term in facts(page) if term.startswith("Step ")) - 1


@pytest.mark.parametrize("column", [0, 1])
def test_a_step_is_told_as_it_is_in_the_contents(opened, contents, column):
    page = opened(contents)
    page.select_option("#column", str(column))
    told, step = facts(page), COUNT - 1
    found = contents["columns"][column]
    assert told["Step 700"] == f"{DATES[-1]} (test)"
    assert number(told["Value"]) == pytest.approx(VALUES[-1, column], abs=0.01)
    bands = restored(contents, column, unpack_rows(found["bands"])[:, -1])
    assert number(told["Median"]) == pytest.approx(bands[3], abs=0.05)
    for name, low, high in [("90% band", 0, 6), ("80% band", 1, 5), ("50% band", 2, 4)]:
        ends = [number(end) for end in told[name].split(" to ")]
        assert ends == pytest.approx([bands[low], bands[high]], abs=0.05)
    assert number(told["Probability below"].lstrip("< ")) == pytest.approx(
        100 * float(unpack(found["below"])[-1]) / 65535, abs=0.6
    )
    assert number(told["Residual"]) == pytest.approx(residuals(contents, column)[-1], abs=0.006)
    assert number(told["Surprise, nats"].split()[0]) == pytest.approx(unpack(contents["nats"])[-1], abs=0.006)
    rows = page.locator(".components tbody tr")
    for k in range(3):
        component, weight, median, between, scaled = rows.nth(k).locator("th, td").all_text_contents()
        mean = unpack_rows(found["means"])[k, step]
        deviation = np.exp(unpack_rows(found["log_deviations"])[k, step])
        assert int(component) == unpack(contents["components"])[k, step] + 1
        assert number(weight) == pytest.approx(
            100 * float(unpack(contents["weights"])[k, step]) / 65535, abs=0.6
        )
        assert scaled == f"{mean:.2f} ± {deviation:.3f}".replace("-", "−")
        own = restored(contents, column, mean + deviation * np.array([0, -1, 1]))
        assert [number(median), *map(number, between.split(" to "))] == pytest.approx(own, abs=0.05)


def test_keys_and_pointer_move_through_the_steps(opened, contents):
    page = opened(contents)
    page.focus("#view")
    far = np.flatnonzero(np.abs(residuals(contents)) >= 2.5)
    for key, step in [
        ("ArrowLeft", 698), ("Home", 0), ("ArrowLeft", 0), ("PageDown", 300), ("ArrowRight", 301),
        ("n", far[far > 301][0]),
        ("Shift+N", far[far < far[far > 301][0]][-1]), ("End", 699), ("PageUp", 399),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert step_of(page) == step, key
    assert page.text_content(".spoken").startswith(f"{DATES[399]}: ")
    canvas = page.locator("#bands canvas")
    page.click("#whole")  # all 700 steps are between the edges of the chart
    width = canvas.evaluate("(canvas) => canvas.clientWidth")
    canvas.hover(position={"x": 47, "y": 90})
    assert step_of(page) < 3
    page.mouse.move(0, 0)
    assert step_of(page) == 399
    canvas.click(position={"x": width - 13, "y": 90})
    page.mouse.move(0, 0)
    assert step_of(page) >= 697


def seen(page):
    """The least and the greatest value that the chart shows."""
    label = page.get_attribute("#bands canvas", "aria-label")
    return [number(end) for end in re.search(r"from (\S+) to (\S+),", label).groups()]


def test_the_part_that_is_shown_moves(opened, contents):
    page = opened(contents)

    def expect(start, end):
        part = VALUES[start:end, 0]
        assert seen(page) == pytest.approx([part.min(), part.max()], abs=0.006)

    expect(400, 700)
    page.click("#earlier")
    expect(160, 460)
    page.click("#later")
    expect(400, 700)
    page.click("#closer")  # around the place, which is the last one
    expect(550, 700)
    page.click("#whole")
    expect(0, 700)
    page.click("#farther")
    expect(0, 700)
    page.focus("#view")
    for _ in range(9):
        page.keyboard.press("+")
    expect(690, 700)
    overview = page.locator("#overview canvas")
    overview.scroll_into_view_if_needed()
    box = overview.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.up()
    expect(0, 10)


@pytest.mark.parametrize(("part", "start", "end"), [("-1", 0, 700), ("0", 0, 500), ("1", 500, 700)])
def test_calibration_is_counted(opened, contents, part, start, end):
    page = opened(contents)
    assert page.input_value("#part") == "1"  # what the model has not learned from
    page.select_option("#part", part)
    below = unpack(contents["columns"][0]["below"])[start:end] / 65536
    counts = [
        int(title.split(": ")[1].split()[0]) for title in page.locator("#histogram title").all_text_contents()
    ]
    np.testing.assert_array_equal(counts, np.histogram(below, 20, (0, 1))[0])
    bands = restored(contents, 0, unpack_rows(contents["columns"][0]["bands"]))[:, start:end]
    rows = page.locator("#coverage tbody tr")
    for i, level in enumerate((0.9, 0.8, 0.5)):
        inside = np.mean((VALUES[start:end, 0] >= bands[i]) & (VALUES[start:end, 0] <= bands[-1 - i]))
        cells = rows.nth(i).locator("th, td").all_text_contents()
        assert number(cells[0]) == 100 * level and number(cells[1]) == pytest.approx(100 * inside, abs=0.6)
    found = residuals(contents)[start:end].astype(float)
    values = [number(text.split()[0]) for text in page.locator("#residual-facts dd").all_text_contents()]
    one = found - found.mean()
    expected = [end - start, found.mean(), found.std(), np.sum(one[1:] * one[:-1]) / np.sum(one**2)]
    assert values[:4] == pytest.approx(expected, abs=0.006)
    assert values[4] == pytest.approx(unpack(contents["nats"])[start:end].mean(), abs=0.006)


def test_a_right_model_is_told_from_a_wrong_one(opened, contents):
    """Of even transforms nothing is said; of narrow bands and of values that are too high it is."""
    from kerasapp.inspection.packing import pack

    below = np.random.default_rng(0).permutation(np.linspace(0.001, 0.999, COUNT))
    levels = np.array(contents["levels"])

    def verdict(shares):
        column = contents["columns"][0]
        bands = unpack_rows(column["bands"])  # a value in the band of its share
        grid = np.concatenate([bands[:1] - 1, bands, bands[-1:] + 1])
        at = np.array([np.interp(share, [0, *levels, 1], grid[:, t]) for t, share in enumerate(shares)])
        changed = {
            **column,
            "values": pack(restored(contents, 0, at)),
            "below": pack(np.rint(shares * 65535).astype(np.uint16)),
        }
        page = opened({**contents, "parts": [], "columns": [changed]})
        return page.text_content("#verdict")

    assert verdict(below).startswith("No fault is seen")
    wide = np.clip(0.5 + (below - 0.5) * 0.8, 0, 1)
    assert verdict(wide).startswith("The bands are too wide: 100% of the values are inside the 90% band.")
    narrow = np.where(np.abs(below - 0.5) > 0.35, np.where(below > 0.5, 0.99, 0.01), below)
    assert verdict(narrow).startswith("The bands are too narrow: 70% of")
    assert "values are higher than predicted: the probability of a lower value was 67%" in verdict(
        np.sqrt(below)
    )


def test_the_largest_residuals_are_listed_and_found(opened, contents):
    page = opened(contents)
    order = np.argsort(-np.abs(residuals(contents)), kind="stable")
    rows = page.locator("#surprises tbody tr")
    assert rows.count() == 10
    assert rows.nth(0).locator("th").text_content() == str(DATES[order[0]])
    told = [number(cell) for cell in rows.locator("td:nth-of-type(3)").all_text_contents()]
    assert told == pytest.approx(residuals(contents)[order[:10]], abs=0.006)
    rows.nth(3).locator("button").click()
    assert step_of(page) == order[3]


def test_a_unit_colours_the_series(opened, contents):
    page = opened(contents)
    chips = page.locator(".feature", has_text="trend, a").locator("button")
    chips.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#features [aria-pressed=true]")
    unit, layer, state = (page.input_value(f"#{name}") for name in ("unit", "layer", "state"))
    starts = {(group["state"], str(group["layer"])): group["start"] for group in contents["signals"]}
    (feature,) = [feature for feature in contents["features"] if feature["name"] == "trend, a"]
    assert starts[state, layer] + int(unit) == feature["followers"][0]["signal"]
    page.wait_for_selector(f"#bands figcaption:has-text('state of unit {unit}')")
    assert f"Unit {unit} after it" in facts(page)
    page.wait_for_selector("#map canvas")
    canvas = page.locator("#map canvas")
    height = canvas.evaluate("(canvas) => canvas.clientHeight")
    canvas.click(position={"x": 100, "y": height - 2})  # the last row
    page.wait_for_selector("#coloured:has-text('state of unit 7')")
    page.select_option("#by", "residual")
    page.wait_for_selector("#bands figcaption:has-text('ribbon: residual')")
    assert page.text_content("#legend .high") == "3 or more" and page.is_hidden("#unit")
    assert "Unit 7 after it" not in facts(page)


RIBBON = """(canvas, count) => {
  const { data } = canvas.getContext("2d").getImageData(0, 291, canvas.width, 1);
  return Array.from({ length: count }, (_, i) => {
    const x = Math.floor(46 + ((canvas.clientWidth - 58) * (i + 0.5)) / count);
    return Math.sign(data[4 * x] - data[4 * x + 2]) * data[4 * x + 3];
  });
}"""  # the ribbon below the chart: above 0 where it is warm, below 0 where it is cool


@pytest.mark.parametrize("column", [1, 0])
def test_the_ribbon_has_the_colours_of_the_steps(opened, contents, column):
    page = opened(contents)
    page.select_option("#by", "residual")
    page.select_option("#column", str(column))
    page.focus("#view")
    for _ in range(9):
        page.keyboard.press("+")  # the last 10 steps
    found = np.array(page.eval_on_selector("#bands canvas", RIBBON, 10))
    expected = np.clip(residuals(contents, column)[-10:] / 3, -1, 1) * 255
    np.testing.assert_allclose(found, expected, atol=3)


def test_one_column_without_dates_or_parts(opened):
    history = inspection.History("a.csv", 60, VALUES[:20, :1], Table(("a",), VALUES[20:60, :1], None), [])
    page = opened(inspection.inspect(hand_made.forecaster(("a",), "log", cell="gru", components=9), history))
    assert facts(page)["Step 60"] == "—" and page.is_hidden("#column") and page.is_hidden("#part")
    assert "40 steps (the last of 60) of a.csv, 21 to 60, read by 1 GRU layer" in page.text_content("#about")
    assert page.locator(".components tbody tr").count() == 5
    assert "All other components together" in page.text_content(".components")


@pytest.fixture(scope="module")
def script(browser):
    """A function that evaluates an expression with the functions of some files."""
    page = browser.new_page()

    def evaluate(expression, *names):
        return page.evaluate(f"() => {{ {report.program(names)}\n return {expression}; }}")

    yield evaluate
    page.close()


MONTHS = np.datetime64("1984-01") + np.arange(300)
DAYS = np.datetime64("2024-01-20") + np.arange(60)
HOURS = np.datetime64("2024-02-27T20:00") + np.timedelta64(60, "m") * np.arange(12)


@pytest.mark.parametrize(
    ("dates", "span", "width", "expected"),
    [
        (MONTHS, (0, 300), 700, ["1986", "1988", "1990"]),
        (MONTHS, (0, 300), 230, ["1985", "1990", "1995"]),
        (MONTHS, (100, 112), 900, ["1992-05", "1992-06", "1992-07"]),
        (DAYS, (0, 60), 600, ["2024-01-21", "2024-02-01", "2024-02-11"]),
        (DAYS, (0, 60), 300, ["2024-02", "2024-03"]),
        (HOURS, (0, 12), 400, ["02-27 21:00", "02-28 00:00", "02-28 03:00"]),
        (np.arange("1700", "2000", dtype="M8[Y]"), (0, 300), 300, ["1750", "1800", "1850"]),
        (DAYS[::30], (0, 2), 300, ["2024-01-20", "2024-02-19"]),
    ],
)
def test_dates_below_an_axis(script, dates, span, width, expected):
    names = [str(date) for date in dates]
    found = script(f"stepTicks({names}, 1, {span[0]}, {span[1]}, {width})", "axes.js")
    texts = [tick["text"] for tick in found]
    assert texts[: len(expected)] == expected
    for tick in found:  # each stands at the first step of what it names
        assert tick["text"] in names[span[0] + tick["place"]].replace("T", " ")
    assert sum(len(text) * 6.6 + 18 for text in texts) <= width


def test_numbers_below_an_axis(script):
    found = script("stepTicks(null, 101, 50, 350, 600)", "axes.js")
    assert [(tick["place"], tick["text"]) for tick in found][:3] == [(49, "200"), (99, "250"), (149, "300")]
    assert script("evenTicks(-0.13, 0.24, 6).map(({text}) => text)", "axes.js") == [
        "−0.1",
        "0.0",
        "0.1",
        "0.2",
    ]
    assert script("evenTicks(2.3e6, 3.6e6, 4).map(({text}) => text)", "axes.js") == ["2.5M", "3M", "3.5M"]
    assert script("evenTicks(5000002, 5000006, 3).map(({text}) => text)", "axes.js")[0] == "5,000,002"


@pytest.mark.parametrize("transform", ["none", "sqrt", "log"])
def test_densities_are_those_of_numpy(script, transform):
    column, x = {"mean": 2.0, "deviation": 0.7}, 7.5
    mixture = [
        {"weight": 0.3, "mean": -0.5, "deviation": 0.4},
        {"weight": 0.7, "mean": 1.0, "deviation": 0.9},
    ]
    files = ("shown.js", "charts.js", "axes.js", "mixture.js")
    found = script(f"densities({mixture}, scalingOf('{transform}', {column}), {x})", *files)
    moved, slope = {
        "none": (x, 1),
        "sqrt": (np.sqrt(x + 0.375), 0.5 / np.sqrt(x + 0.375)),
        "log": (np.log(x), 1 / x),
    }[transform]
    z, slope = (moved - 2) / 0.7, slope / 0.7
    for density, one in zip(found, mixture, strict=True):
        away = (z - one["mean"]) / one["deviation"]
        expected = one["weight"] * np.exp(-0.5 * away**2) / one["deviation"] / np.sqrt(2 * np.pi) * slope
        assert density == pytest.approx(expected, rel=1e-6)
    assert script(f"scalingOf('{transform}', {column}).restored({z})", *files) == pytest.approx(x)
