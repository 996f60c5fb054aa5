"""Configuration files in the text form of protocol buffers, read strictly."""

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from kerasapp.serving.protocol.errors import ServingError

M = TypeVar("M", bound=Message)


def parse_file(path: Path, message: M) -> M:
    """Fills a message from a file and returns it.

    Raises:
        ServingError: one line that names the file, and line and column where the text is wrong.
    """
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), message)
    except OSError as error:
        raise ServingError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ServingError(f"{path}: byte {error.start} is no UTF-8 text") from None
    except text_format.ParseError as error:
        raise ServingError(f"{path}: {_with_line(error)}") from None


def _with_line(error: text_format.ParseError) -> str:
    """The parser's message, which begins with "LINE:COLUMN : ", as a sentence."""
    message = " ".join(str(error).split())
    if error.GetLine() is None:
        return message
    return f"line {error.GetLine()}, column {error.GetColumn()}: {message.split(' : ', 1)[-1]}"
