"""Configuration files in the text form of protocol buffers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from google.protobuf.message import Message

from kerasapp.serving.protocol.errors import ServingError

Field = descriptor_pb2.FieldDescriptorProto
OPTIONAL, REPEATED = Field.LABEL_OPTIONAL, Field.LABEL_REPEATED

_PACKAGE = "tensorflow.serving"

M = TypeVar("M", bound=Message)


def parse_file(path: Path, message: M) -> M:
    """Fills a message from a file and returns it.

    Raises:
        ServingError: one line that names the file, and the line and column of an error.
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


def message_class(messages: Mapping[str, Mapping[str, tuple]]) -> type:
    """The class of the last of some messages that the package tensorflow-serving-api lacks.

    They have a descriptor pool of their own, so that they cannot clash with another package's definitions.

    Args:
        messages: name -> name of a field -> its number, its type (of `Field`, or a message's name in
            `tensorflow.serving` or elsewhere), and `REPEATED` if it is a list.
    """
    file = descriptor_pb2.FileDescriptorProto(name="config.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for key, (number, kind, *label) in fields.items():
            added = message.field.add(name=key, number=number, label=label[0] if label else OPTIONAL)
            if isinstance(kind, str):
                added.type, added.type_name = Field.TYPE_MESSAGE, kind
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
