"""`kerasapp-lite`: its flags, their defaults, ranges and help are the bundle's; errors are one line."""

import json

import lite_bundles
import pytest

from kerasapp_lite import cli
from kerasapp_lite.bundle import Bundle
from kerasapp_lite.generation import Generator


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return lite_bundles.write(tmp_path_factory.mktemp("lite") / "tflite")


@pytest.fixture
def folder(plain, tmp_path):
    """The bundle, to be changed."""
    for file in plain.iterdir():
        (tmp_path / file.name).symlink_to(file)
    change(tmp_path)
    return tmp_path


def change(folder, leave_out=(), **changed):
    """Writes other metadata of a bundle."""
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text()) | changed
    path.unlink()
    path.write_text(json.dumps({key: value for key, value in metadata.items() if key not in leave_out}))


def knobs(folder, **changed):
    """The bundle's knobs, one of them changed: name -> keys."""
    known = json.loads((folder / "metadata.json").read_text())["knobs"]
    return [knob | changed.get(knob["name"], {}) for knob in known]


def test_command_prints_the_text(folder, capfd):
    expected = lite_bundles.Plain().greedy("ab", 20) + "\n"
    for words in (
        ["generate", folder, "ab", "--length", "20", "--temperature", "0"],
        ["generate", "--length", "20", "--temperature=0", folder, "ab"],
        ["generate", folder, "--length", "20", "ab", "--temperature", "0"],
    ):
        assert cli.main(list(map(str, words))) == 0
        assert capfd.readouterr().out == expected


def test_stop_may_have_a_line_break(folder, capfd):
    whole = Generator(Bundle(folder)).generate("ab", length=60, temperature=1.0, seed=1)
    assert "\n" in whole
    words = ["--length", "60", "--temperature", "1", "--seed", "1", "--stop", "\\n"]
    assert cli.main(["generate", str(folder), "ab", *words]) == 0
    assert capfd.readouterr().out == whole.split("\n")[0] + "\n"


def test_defaults_ranges_and_help_are_the_bundles(folder, capfd):
    own = {"default": 7, "least": 5, "most": 9, "help": "90% of it"}
    change(folder, knobs=knobs(folder, length=own, temperature={"default": 0.0}))
    assert cli.main(["generate", str(folder), "ab"]) == 0
    assert capfd.readouterr().out == lite_bundles.Plain().greedy("ab", 7) + "\n"
    with pytest.raises(SystemExit):
        cli.main(["generate", str(folder), "--length", "10"])
    assert "argument --length: '10' is not a whole number from 5 to 9" in capfd.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main(["generate", str(folder), "--help"])
    text = " ".join(capfd.readouterr().out.split())
    assert ended.value.code == 0
    assert (
        "--length N 90% of it (default: 7)" in text
        and "--top-k K keep the K likeliest" in text
        and "--stop TEXT" in text
    )


def test_help_without_a_bundle_says_how_to_see_its_knobs(capfd):
    with pytest.raises(SystemExit) as ended:
        cli.main(["generate", "--help"])
    text = capfd.readouterr().out
    assert ended.value.code == 0
    assert "`kerasapp-lite generate BUNDLE --help` shows them" in text and "--length N" not in text


def test_a_bundle_of_an_older_kerasapp_goes_on_working(folder, capfd):
    defaults = {knob["name"]: knob["default"] for knob in knobs(folder)}
    change(folder, ("command", "input", "knobs"), defaults={**defaults, "temperature": 0.0, "length": 12})
    assert cli.main(["generate", str(folder), "ab"]) == 0
    assert capfd.readouterr().out == lite_bundles.Plain().greedy("ab", 12) + "\n"
    assert cli.main(["generate", str(folder), "ab", "--length", "3"]) == 0
    assert capfd.readouterr().out == lite_bundles.Plain().greedy("ab", 3) + "\n"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["generate", "FOLDER", "a"], "LiteRT cannot load it"),
        (["generate", "FOLDER", "--precision", "int8"], "has no int8"),
        (
            ["translate", "FOLDER", "a"],
            "is a bundle of generation, not of translation; its command is generate",
        ),
        (["translate", "FOLDER", "--help"], "is a bundle of generation, not of translation"),
        (["synthesize", "FOLDER", "a", "--output", "x.wav"], "not of synthesis"),
        (["synthesize", "--output", "none/a.wav"], "argument --output: none/a.wav: there is no folder none"),
        (["synthesize", "--output", "."], "argument --output: . is a folder"),
        (["forecast", "FOLDER", "--history", "x.csv"], "not of series"),
        (["generate", "nowhere"], "nowhere/metadata.json: cannot be read"),
        (["generate", "FOLDER", "--length", "x"], "'x' is not a whole number from 0 to 1000000"),
        (
            ["generate", "FOLDER", "--seed", "2147483648"],
            "'2147483648' is not a whole number from -2147483648",
        ),
        (["generate", "FOLDER", "--top-p", "2"], "'2' is not a number from 0 to 1"),
        (["generate", "FOLDER", "--threads", "0"], "'0' is not a whole number from 1 to 64"),
        (["generate", "FOLDER", "--window", "2"], "unrecognized arguments: --window"),
        (["generate"], "required: BUNDLE"),
        (["generate", "--length"], "required: BUNDLE"),
        (["sing"], "invalid choice"),
        ([], "required"),
    ],
)
def test_errors_are_one_line_and_exit_2(folder, capfd, words, part):
    change(folder, precisions={"float32": lite_bundles.entry(folder / "vocabulary.json")})  # no model
    try:
        code = cli.main([str(folder) if word == "FOLDER" else word for word in words])
    except SystemExit as ended:
        code = ended.code
    out, err = capfd.readouterr()
    assert code == 2 and not out
    assert err.count("\n") == 1 and part in err
