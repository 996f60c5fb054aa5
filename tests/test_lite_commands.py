"""The commands of `kerasapp-lite` write what those of kerasapp write."""

import csv
import io
import json
import shutil
import wave

import numpy as np
import pytest

from kerasapp.cli import run
from kerasapp_lite import cli
from kerasapp_lite.bundle import Bundle
from kerasapp_lite.synthesis import Synthesizer


def table(text):
    """CSV text as (names of the columns, names of the steps, values [steps, columns])."""
    header, *rows = csv.reader(io.StringIO(text))
    return header, [row[0] for row in rows], np.array([row[1:] for row in rows], float)


def test_forecast_writes_the_table_of_kerasapp(wave_bundle, wave_file, tmp_path, capfd):
    history, output = tmp_path / "history.csv", tmp_path / "out.csv"
    rows = wave_file.read_text().splitlines()[:61]
    history.write_text("\n".join(",".join(row.split(",")[:0:-1]) for row in rows))  # without dates, reversed
    knobs = ["--history", str(history), "--samples", "50", "--seed", "3"]
    assert run(["forecast", str(wave_bundle.parent), *knobs]) == 0
    expected = table(capfd.readouterr().out)
    assert cli.main(["forecast", str(wave_bundle), *knobs]) == 0
    text = capfd.readouterr().out
    found = table(text)
    assert found[:2] == expected[:2] and found[2].shape == (24, 16)
    np.testing.assert_allclose(found[2], expected[2], rtol=2e-5)
    assert cli.main(["forecast", str(wave_bundle), *knobs, "--output", str(output)]) == 0
    assert output.read_text() == text and capfd.readouterr().out == ""
    assert cli.main(["forecast", str(wave_bundle), *knobs, "--output", "/dev/stdout"]) == 0
    assert capfd.readouterr().out == text


def test_characters_of_a_prompt_that_the_model_does_not_know_are_named(tiny_bundle, capfd):
    words = ["generate", str(tiny_bundle), "--length", "5"]
    assert cli.main([*words, "The \N{SNOWMAN}\u0301\N{SNOWMAN} \u2028"]) == 0
    named = "the model does not know \N{SNOWMAN}, U+0301, U+2028; it reads each as an unknown character"
    assert capfd.readouterr().err == f"{named}\n"
    assert cli.main([*words, "The "]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("level\n3\n", "line 1: no column 'flow'; there is level"),
        ("level,flow\n3,4\n3,x\n", "line 3, column flow: 'x' is not a number"),
        ("level,flow\n3,4\n3,-4\n", "history: must be 0 or above, not -4 (step 2, column flow)"),
    ],
)
def test_a_history_that_cannot_be_used_is_one_line(wave_bundle, tmp_path, capfd, content, reason):
    path = tmp_path / "history.csv"
    path.write_text(content)
    assert cli.main(["forecast", str(wave_bundle), "--history", str(path)]) == 2
    out, err = capfd.readouterr()
    assert reason in err and err.count("\n") == 1 and not out


def test_a_series_bundle_of_an_older_kerasapp_has_its_defaults(wave_bundle, wave_file, tmp_path, capfd):
    folder = shutil.copytree(wave_bundle, tmp_path / "older")
    metadata = json.loads((folder / "metadata.json").read_text())
    for key in ("command", "input", "knobs", "checksum"):
        del metadata[key]
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "metadata.sha256").unlink()
    words = ["forecast", str(folder), "--history", str(wave_file), "--samples"]
    assert cli.main([*words, "5"]) == 0
    assert len(table(capfd.readouterr().out)[1]) == 24
    assert cli.main([*words, "0"]) == 2
    assert "horizon, samples: 24, 0: each is a whole number from 1 on" in capfd.readouterr().err


def scored(text):
    """Lines of the best translations as (line, text) and their scores."""
    lines = [
        line.split(" ||| ") if "|||" in line else ["", *line.split("\t")[::-1]] for line in text.splitlines()
    ]
    return [(line, translation) for line, translation, _ in lines], [float(score) for *_, score in lines]


def test_translate_writes_the_best_as_kerasapp_does(reversal_bundle, capfd, monkeypatch):
    knobs = ["--n-best", "3", "--length-penalty", "0.6"]
    for words, lines in ((["a b c"], None), ([], "a b c\n\nd e\n")):
        written = []
        for command in (["kerasapp", str(reversal_bundle.parent)], ["kerasapp-lite", str(reversal_bundle)]):
            if lines is not None:
                monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
            main = run if command[0] == "kerasapp" else cli.main
            assert main(["translate", command[1], *words, *knobs]) == 0
            written.append(scored(capfd.readouterr().out))
        assert len(written[0][0]) == (3 if lines is None else 7)
        assert written[0][0] == written[1][0]
        np.testing.assert_allclose(written[1][1], written[0][1], atol=2e-3)


def test_translate_tells_of_a_line_and_goes_on(reversal_bundle, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b c\n" + b"a " * 200 + b"\na b c\n")))
    assert cli.main(["translate", str(reversal_bundle), "--beam-size", "1"]) == 2
    out, err = capfd.readouterr()
    assert out == "c b a\n\nc b a\n"
    assert err == "line 2: the sentence has 399 tokens; at most 127 are translated\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--beam-size", "5"], "argument --beam-size: '5' is not a whole number from 1 to 4"),
        (["--n-best", "3", "--beam-size", "2"], "n_best: 3 is above beam_size, 2"),
        (["--min-ratio", "2", "--max-ratio", "0.5"], "min_ratio: 2.0 is above max_ratio, 0.5"),
    ],
)
def test_knobs_of_a_translation_that_do_not_go_together(reversal_bundle, capfd, words, reason):
    """Told once, before a line is read; a bundle has fewer beams than a server."""
    try:
        code = cli.main(["translate", str(reversal_bundle), *words])
    except SystemExit as ended:
        code = ended.code
    out, err = capfd.readouterr()
    assert code == 2 and not out and reason in err and err.count("\n") == 1


def test_synthesize_writes_the_sound(speech_bundle, tmp_path, capfd):
    output = tmp_path / "out.wav"
    words = ["synthesize", str(speech_bundle), "abc☃", "--output", str(output), "--max-ratio", "0.1"]
    assert cli.main(words) == 0
    speech = Synthesizer(Bundle(speech_bundle)).synthesize("abc☃", max_ratio=0.1)
    with wave.open(str(output)) as file:
        assert file.getframerate() == 8000
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(samples / 32767, np.clip(speech.audio, -1, 1), atol=1e-4)
    report = f"{output}: {len(samples) / 8000:.2f} s, ended by {speech.stop_reason}, 1 character left out\n"
    assert capfd.readouterr() == ("", report)
