"""Texts on the command line: any text is one, and a misspelt flag is none."""

import pytest

from kerasapp.commands.arguments import (
    Parser,
    file_of,
    output_file,
    protect_texts,
    protected_text,
    require_another,
)
from kerasapp.errors import ConfigError


def read(*words):
    parser = Parser("say", "")
    parser.add_argument("model")
    parser.add_argument("text", nargs="?", type=protected_text)
    parser.add_argument("--prompt", action="append", type=protected_text)
    parser.add_argument("--size", type=int)
    parser.add_argument("--loud", action="store_true")
    return parser.parse(protect_texts(words, parser, ("--prompt",), positional=True))[0]


TEXTS = ["-5 度", "-x", "-", "- a", "--wow it", "--Wow", "-h?", "", "a=b", "-a=b", "=", "\udcff"]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_can_stand_alone(text):
    args = read("run", text, "--size", "-3", "--loud")
    assert (args.model, args.text, args.size, args.loud) == ("run", text, -3, True)
    assert read("--size=2", "run", text).text == text


@pytest.mark.parametrize("text", [*TEXTS, "--loud", "--size", "--size=3", "-h", "--", "--help"])
def test_any_text_can_stand_after_a_flag_or_two_dashes(text):
    args = read("run", "--prompt", text, f"--prompt={text}", "--loud")
    assert (args.prompt, args.text, args.loud) == ([text, text], None, True)
    assert read("run", "--loud", "--", text).text == text


def test_a_misspelt_flag_is_no_text():
    for words in (["run", "--lou"], ["run", "text", "--lou"], ["run", "--lou=text"]):
        with pytest.raises(ConfigError, match="--lou; the nearest known one is --loud"):
            read(*words)
    with pytest.raises(ConfigError, match="unknown argument -more"):
        read("run", "text", "-more")


def test_output_files_are_checked_before_any_work(tmp_path):
    assert output_file(str(tmp_path / "new.txt")) == tmp_path / "new.txt"
    parser = Parser("say", "")
    parser.add_argument("--output", type=output_file)
    loop, file = tmp_path / "loop", tmp_path / "file"
    loop.symlink_to(loop)
    file.touch()
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "new.txt", "there is no folder"),
        (file / "new.txt", "there is no folder"),
        (loop, "loop: cannot be written: Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "cannot be written: File name too long"),
    ):
        with pytest.raises(ConfigError, match=words):
            parser.parse(["--output", str(path)])


def test_a_file_of_another_kind_is_no_name_for_a_picture(tmp_path):
    parser = Parser("say", "")
    parser.add_argument("--plot", type=file_of(".png", ""))
    for name in ("a.png", "a.PNG", "a"):
        assert parser.parse(["--plot", str(tmp_path / name)])[0].plot == tmp_path / name
    for name, words in (
        ("a.csv", r"a name that ends in \.png is expected"),
        ("no/a.png", "there is no folder"),
    ):
        with pytest.raises(ConfigError, match=words):
            parser.parse(["--plot", str(tmp_path / name)])


def test_the_file_that_is_read_is_not_the_output(tmp_path):
    source, link = tmp_path / "a.txt", tmp_path / "link.txt"
    source.write_text("kept")
    link.symlink_to(source)
    for output in (source, link):
        with pytest.raises(ConfigError, match="is the file of --input and would be lost; name another"):
            require_another(output, str(source), "--input")
    require_another(tmp_path / "new.txt", str(source), "--input")
    require_another(None, str(source), "--input")
    require_another(source, None, "--input")
    require_another("/dev/null", "/dev/null", "--input")
