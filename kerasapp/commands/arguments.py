"""What the commands' parsers share."""

import argparse
from pathlib import Path

from kerasapp.config.registry import nearest
from kerasapp.errors import ConfigError


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one line: a ConfigError that names the help."""

    def __init__(self, command, description, epilog=None):
        super().__init__(
            f"kerasapp {command}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message):
        raise ConfigError(f"{message} (see {self.prog} --help)")

    def parse(self, argv, extra_prefix=None):
        """The known flags, and those that begin with `extra_prefix` as they are."""
        known, others = self.parse_known_args(argv)
        if others and not (extra_prefix and others[0].startswith(extra_prefix)):
            flags = [flag for action in self._actions for flag in action.option_strings]
            word = others[0].partition("=")[0]
            hint = f"; the nearest known one is {nearest(word, flags)}" if word.startswith("-") else ""
            raise ConfigError(f"unknown argument {word}{hint} (see {self.prog} --help)")
        return known, others


def number(kind, least, most, words):
    """A type for `add_argument`: a number from `least` to `most`, or an error that says `words`."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
        return value

    return read


def output_file(text):
    """A type for `add_argument`: a path where a file can be written, told before any work is done."""
    path = Path(text).expanduser()
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; a file's name is expected")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path}: there is no folder {path.parent}")
    return path
