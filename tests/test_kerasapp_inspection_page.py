"""The reports in a real browser: by keyboard and by pointer, on a phone's width, light and dark, offline."""

import copy

import hand_made
import numpy as np
import pytest
from hand_made import QUOTED, TRACKER
from packed import inflate, unpack
from report_pages import facts, launched, opening

from kerasapp.inspection.packing import pack
from kerasapp.tasks.generation import inspection as generation

TRANSLATION = {
    "task": "translation",
    "model": {"cell": "gru", "units": 4, "attention": "dot"},
    "sentences": [
        {
            "text": "b <a>", "score": -0.5, "finished": True, "others": [["a", -1.0]],
            "source": ["▁a", "b", "</s>"], "target": ["▁b", "<a>", "</s>"],
            "alignment": [[0.1, 0.8, 0.1], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]],
            "probabilities": [0.25, 0.5, 1.0],
            "alternatives": [[["c", 0.5], ["▁b", 0.25]], [["<a>", 0.5]], [["</s>", 1.0]]],
        },
        {
            "text": "c", "score": -0.1, "finished": False, "others": [],
            "source": ["c", "</s>"], "target": ["c", "</s>"], "alignment": [[1.0, 0.0], [0.0, 1.0]],
            "probabilities": [0.9, 0.9], "alternatives": [[["c", 0.9]], [["</s>", 0.9]]],
        },
    ],
}  # fmt: skip
SPOKEN = {
    "text": "ab", "tokens": ["a", "b", "</s>"], "seconds": 0.4, "least": -8.0, "greatest": 0.0,
    "mel": pack(np.eye(8, 20, dtype=np.uint8) * 255),  # each frame is loud in one band
    "alignment": pack(np.array([[255, 0, 0], [200, 55, 0], [0, 255, 0], [0, 0, 255]], np.uint8)),
    "stop": [0.0, 0.0, 0.1, 0.9], "stop_reason": "stop_token", "coverage": 1.0, "aligned": True,
    "left_out": 0, "sound": "",
}  # fmt: skip
SYNTHESIS = {
    "task": "synthesis", "audio": {"f_min": 0.0, "f_max": 4000.0}, "sentences": [SPOKEN], "left_out": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    with opening(browser, tmp_path) as open_report:
        yield open_report


def colours(page):
    """The sign of each character's colour: 1 where warm, -1 where cool, 0 where without."""
    styles = page.eval_on_selector_all(
        "#reader span", "(all) => all.map((span) => span.style.backgroundColor)"
    )
    return [1 if "--warm" in style else -1 if "--cool" in style else 0 for style in styles]


@pytest.fixture(scope="module")
def contents():
    return generation.inspect(hand_made.quote_tracker(), QUOTED)


def test_a_text_is_coloured_by_the_unit_that_is_chosen(opened, contents):
    page = opened(contents)
    chips = page.locator(".feature", has_text="inside quotation").locator("button")
    chips.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#coloured:has-text('underlined: inside quotation')")
    assert page.input_value("#unit") == str(TRACKER) and chips.first.get_attribute("aria-pressed") == "true"
    underlined = page.eval_on_selector_all(
        "#reader span", "(all) => all.map((span) => span.classList.contains('holds'))"
    )
    (feature,) = [feature for feature in contents["features"] if feature["name"] == "inside quotation"]
    inside = unpack(feature["values"]) > 0
    assert underlined == inside.tolist()
    page.select_option("#state", "c")
    page.wait_for_selector("#coloured:has-text('cell state')")
    first = QUOTED.index("“")
    assert {c for c, quoted in zip(colours(page), inside, strict=True) if quoted} == {1}
    assert -1 in colours(page)[first:] and colours(page)[first + 1] == 1


def test_any_unit_can_be_chosen_by_keyboard(opened, contents):
    page = opened(contents)
    page.focus("#unit")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.wait_for_selector("#coloured:has-text('state of unit 3')")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector("#coloured:has-text('state of unit 4')")
    page.keyboard.type("99")
    page.wait_for_selector("#coloured:has-text('a whole number from 0 to 7')")
    assert page.get_attribute("#unit", "aria-invalid") == "true"
    for by in ("bits", "probability", "norm 0"):
        page.select_option("#by", by)
        assert page.text_content("#coloured").startswith("Coloured by ")
        assert set(colours(page)) <= {0, 1} and page.is_hidden("#unit")


def test_keys_move_through_the_text_and_tell_the_place(opened, contents):
    page = opened(contents)
    page.focus("#reader")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    bits = unpack(contents["bits"])
    told = facts(page)
    assert told["Place 2"] == "e" and told["Surprise"] == f"{bits[1]:.2f} bits"
    assert told["Probability"].startswith(f"{100 * 2 ** -float(bits[1]):.1f}"[:3])
    assert page.text_content(".spoken").startswith("e, ")
    _, _, least, greatest, steps = contents["tracks"][shown_row(page, contents)]
    values = least + np.frombuffer(inflate(steps), np.uint8) * (greatest - least) / 63
    assert told["Unit after it"] == f"{values[1]:.2f}".replace("-", "−")
    page.keyboard.press("Control+ArrowRight")
    assert facts(page)["Place 4"] == "s"  # of "said"
    page.keyboard.press("ArrowDown")
    assert "Place 4" not in facts(page)
    page.keyboard.press("End")
    assert facts(page)[f"Place {len(QUOTED)}"] == "line break"
    likeliest = page.locator("#place .alternatives li")
    assert likeliest.count() == 5
    page.keyboard.press("Home")
    page.locator("#reader span").nth(4).hover()
    assert facts(page)["Place 5"] == "a"
    page.mouse.move(0, 0)
    assert facts(page)["Place 1"] == "H"
    page.locator("#reader span").nth(4).click()
    page.mouse.move(0, 0)
    assert facts(page)["Place 5"] == "a"


def shown_row(page, contents):
    """The row of the signal that colours the text."""
    starts = {(group["state"], group["layer"]): group["start"] for group in contents["signals"]}
    layer, state, unit = (page.input_value(f"#{name}") for name in ("layer", "state", "unit"))
    return starts[state, int(layer)] + int(unit)


def test_gates_are_drawn_and_summed_up(opened, contents):
    page = opened(contents)
    assert page.locator("#saturation svg").count() == 3  # input, forget and output of one layer
    assert page.locator("#saturation circle").count() == 3 * 8
    dot = page.locator("#saturation svg").nth(2).locator("circle", has_text=f"unit {TRACKER}:")
    assert dot.locator("title").text_content() == f"unit {TRACKER}: left < 0.1%, right 100%"
    dot.dispatch_event("click")
    page.wait_for_selector(f"#coloured:has-text('state of unit {TRACKER},')")
    assert page.locator("#saturation-table tr").count() == 1 + 3


def test_a_unit_without_room_is_told(opened, contents):
    small = copy.deepcopy(contents)
    small["tracks"] = [track for track in small["tracks"] if track[0] % 8 != 1]  # without unit 1
    page = opened(small)
    page.fill("#unit", "1")
    page.wait_for_selector("#coloured:has-text('no room for unit 1 of layer 0')")
    assert "7 of 8 cell states" in page.text_content("#about")


def shaded(page, selector):
    """The opacity of each button's colour."""
    styles = page.eval_on_selector_all(
        f"{selector} button", "(all) => all.map((button) => button.style.backgroundColor)"
    )
    return [round(float(style.split(",")[-1].rstrip(")")), 3) if style else 0 for style in styles]


def test_a_translation_shows_what_each_token_looked_at(opened):
    page = opened(TRANSLATION)
    assert facts(page) == {
        "Token": "\u00a0b", "Probability": "25%", "Surprise": "2.00 bits",
        "Looked at": "b 80%, \u00a0a 10%, end 10%",
    }  # fmt: skip
    assert shaded(page, "#source") == [0.075, 0.6, 0.075]
    assert page.locator("#place .alternatives li").all_text_contents() == ["c50%", "\u00a0b25%"]
    page.locator("#target button").first.focus()
    page.keyboard.press("ArrowRight")
    assert facts(page)["Token"] == "<a>" and shaded(page, "#source") == [0.675, 0.075, 0]
    page.locator("#source button").nth(1).hover()
    assert facts(page)["Looked at by"] == "\u00a0b 80%, <a> 10%"
    assert shaded(page, "#target") == [0.6, 0.075, 0]
    assert page.locator("#attention svg rect").count() == 10 and "score −0.50" in page.text_content("#whole")
    page.select_option("#sentences", "1")
    assert page.locator("#attention svg rect").count() == 5
    assert "It was cut" in page.text_content("#whole")


def test_a_translation_without_attention_has_no_picture(opened):
    page = opened({**TRANSLATION, "model": {"cell": "gru", "units": 4, "attention": "none"}})
    assert page.is_hidden("#attention") and "Looked at" not in facts(page)


def test_speech_shows_what_each_step_looked_at(opened):
    page = opened(SYNTHESIS)
    assert facts(page)["Step"] == "1 of 4, 0.05 s" and page.is_hidden("audio")
    assert shaded(page, "#letters") == [0.75, 0, 0]
    page.focus("#step")
    page.keyboard.press("ArrowRight")
    assert shaded(page, "#letters") == [0.588, 0.162, 0]
    assert "looks at 1: a, 78%" in page.get_attribute("#step", "aria-valuetext")
    page.keyboard.press("End")
    assert facts(page)["Probability of the end"] == "90%"
    page.locator("#letters button").nth(1).click()  # goes to where it was looked at most
    page.mouse.move(0, 0)
    assert facts(page)["Step"] == "3 of 4, 0.25 s"
    for name in ("spectrogram", "reading"):
        canvas = page.locator(f".{name} canvas")
        assert canvas.get_attribute("aria-label")
        canvas.hover(position={"x": canvas.evaluate("(canvas) => canvas.clientWidth") - 20, "y": 30})
        assert facts(page)["Step"].startswith("4 of 4")
        page.mouse.move(0, 0)
