"""What the commands' parsers share: one-line errors, types of flags, texts that look like flags."""

import argparse
import os
import re
import shlex
import textwrap
from pathlib import Path

from kerasapp import spec
from kerasapp.artefact import find
from kerasapp.config import parsing
from kerasapp.errors import ConfigError, is_close, nearest
from kerasapp.knobs import range_in_words

MARK = "\0"  # put before a text; no word of a command line can hold it
UNITS = {  # what other programs call it -> our key, and what to give
    "epochs": (
        "steps",
        "give --training.steps N or --training.minutes M; training.steps_per_epoch make an epoch",
    ),
}
FLAG = re.compile("-h|--[a-z][a-z-]*")


class Formatter(argparse.HelpFormatter):
    """Fills paragraphs to the terminal's width, and leaves lines that begin with a space as they are."""

    def _fill_text(self, text, width, indent):
        def filled(paragraph):
            return textwrap.fill(paragraph[0], width, initial_indent=indent, subsequent_indent=indent)

        return re.sub(r"^\S.*(\n\S.*)*", filled, text, flags=re.MULTILINE)


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one line: a ConfigError that names the help.

    Args:
        text_flag: the flag that a word without one may have been meant for.
    """

    def __init__(self, command, description, epilog=None, text_flag=None):
        super().__init__(
            f"kerasapp {command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=Formatter,
        )
        self._text_flag = text_flag

    def error(self, message):
        flag = re.match("argument (--[a-z_.]+): expected [0-9]+ arguments", message)
        action = flag and self._option_string_actions[flag[1]]
        if action and isinstance(action.metavar, tuple):
            message += f": {flag[1]} {' '.join(action.metavar)}"
        raise ConfigError(f"{message} (see {self.prog} --help)")

    def parse(self, argv, extra_prefix=None):
        """The known flags, and those that begin with `extra_prefix` as they are."""
        # Intermixed: otherwise a positional that may be left out cannot follow a flag.
        parse = self.parse_known_args if extra_prefix else self.parse_known_intermixed_args
        known, others = parse(argv)
        if others and not (extra_prefix and others[0].startswith(extra_prefix)):
            flags = [flag for action in self._actions for flag in action.option_strings]
            word = protected_text(others[0]).partition("=")[0]
            raise ConfigError(f"unknown argument {word}{self._hint(word, flags)} (see {self.prog} --help)")
        return known, others

    def _hint(self, word, flags):
        if not word.startswith("-"):
            return f"; did you mean {self._text_flag} {shlex.quote(word)}?" if self._text_flag else ""
        tail = word.rpartition(".")[2].lstrip("-").replace("-", "_")
        if tail in UNITS and f"--training.{UNITS[tail][0]}" in flags:
            return f"; {UNITS[tail][1]}"
        section = word.partition(".")[0]
        own = [flag for flag in flags if flag.startswith(f"{section}.")]
        own.sort(key=lambda flag: flag != self._text_flag)
        if own and (word == section or not is_close(word, nearest(word, own))):
            return f"; the keys of {section} are {', '.join(flag[len(section) :] for flag in own)}"
        return f"; the nearest known one is {nearest(word, flags)}"


def number(kind, least, most):
    """A type for `add_argument`: an int or a float from `least` to `most`."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {range_in_words(kind, least, most)}")
        return value

    return read


def add_knobs(parser, knobs):
    """Adds a flag for each `Knob`; `knobs_of` reads them."""
    for knob in knobs:
        shown = f" (default: {knob.default})" if knob.default not in ("", None) else ""
        words = {"metavar": knob.metavar, "help": knob.help + shown}
        parser.add_argument(knob.flag, type=knob_type(knob), default=knob.default, **words)


def knobs_of(args, knobs):
    """Name -> value of each `Knob`. Raises: ConfigError where one exceeds another that limits it."""
    values = {knob.name: getattr(args, knob.name) for knob in knobs}
    for knob in knobs:
        other = values.get(knob.at_most)
        if other is not None and values[knob.name] > other:
            limit = next(one for one in knobs if one.name == knob.at_most)
            raise ConfigError(f"{knob.flag}: {values[knob.name]:g} is more than {limit.flag}, {other:g}")
    return values


def knob_type(knob):
    """A type for `add_argument`: the value of a `Knob`."""
    if knob.type is str:
        return lambda text: protected_text(text).replace("\\n", "\n")
    if knob.type is Path:
        return output_file
    return number(knob.type, knob.least, knob.most)


def output_file(text):
    """A type for `add_argument`: a path where a file can be written, checked before any work is done."""
    path = Path(os.path.expanduser(text))
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # a link that leads to itself, a name that is too long
        raise argparse.ArgumentTypeError(f"{path}: cannot be written: {error.strerror}") from None
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; a file's name is expected")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path}: there is no folder {path.parent}")
    return path


def file_of(*endings):
    """A type for `add_argument`: an `output_file` whose name has one of these endings; "" is for none."""

    def checked(text):
        path = output_file(text)
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"{path}: a name that ends in {endings[0]} is expected")
        return path

    return checked


def require_another(output, source, flag):
    """Raises ConfigError where `output` is the file `source` that the flag names: it would be lost."""
    paths = [Path(os.path.expanduser(path)) for path in (output, source) if path is not None]
    if len(paths) == 2 and all(map(Path.is_file, paths)) and os.path.samefile(*paths):
        raise ConfigError(f"--output: {output} is the file of {flag} and would be lost; name another")


def output_folder(text):
    """A type for `add_argument`: a folder that exists, or whose parent exists."""
    path = Path(os.path.expanduser(text))
    if not path.is_dir() and path.exists():
        raise argparse.ArgumentTypeError(f"{path} is a file; a folder is expected")
    if not path.is_dir() and not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path}: there is no folder {path.parent}")
    return path


def protect_texts(argv, parser, flags=(), positional=False):
    """The words of a command line with a mark before each text, which `protected_text` removes.

    argparse takes a text that begins with - for a flag, and drops the text --; any text has to work.

    Args:
        flags: the flags whose value is a text, such as --prompt.
        positional: whether a word is a text if it begins with - and does not look like a flag, or follows --.
    """
    valued = {flag for action in parser._actions if action.nargs != 0 for flag in action.option_strings}
    words, rest = [], list(argv)
    while rest:
        word = rest.pop(0)
        flag, joined, text = word.partition("=")
        if flag in flags and (joined or rest):
            words += [flag, MARK + (text if joined else rest.pop(0))]
        elif word in valued and rest:
            words += [word, rest.pop(0)]
        elif positional and word == "--":
            return [*words, *(MARK + text if text.startswith("-") else text for text in rest)]
        elif positional and word.startswith("-") and not FLAG.fullmatch(flag):
            words.append(MARK + word)
        else:
            words.append(word)
    return words


def protected_text(word):
    """A type for `add_argument`: a text without the mark of `protect_texts`."""
    return word.removeprefix(MARK)


def require_task(path, task):
    """Raises ConfigError where the run or export at `path` is not one of `task`; loads no model."""
    actual = parsing.load(find(path).config).task
    if actual != task:
        command = spec.spec(actual).command
        raise ConfigError(f"{path}: a model of {actual}, not of {task}; ask it with kerasapp {command}")
