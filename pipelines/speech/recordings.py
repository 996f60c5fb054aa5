"""Recordings with transcripts, in the form of LJSpeech: a table of transcripts and a folder of clips."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile

from pipelines.errors import DataError
from pipelines.files import content_hash, lines, read_text
from pipelines.text.sentences import squeeze_string

METADATA = "metadata.csv"
FOLDERS = ("wavs", "clips")  # folders of clips; the first one found counts
_SOUNDS = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}


@dataclass(frozen=True)
class Recording:
    """A line of the table and its clip.

    Attributes:
        id: the name of the clip's file without its ending.
        transcript: the text that is read aloud; empty where the line has none.
        path: of the clip; None where it is missing.
        content: a digest of the clip's file; empty where it is missing or cannot be read.
        problem: why the clip cannot be used, as far as that shows before the sound is read; or empty.
    """

    id: str
    transcript: str
    path: Path | None
    content: str
    problem: str


def read_recordings(folder: Path) -> list[Recording]:
    """The recordings of a folder.

    It holds metadata.csv, with "id|transcript" or "id|transcript|normalised transcript" on each line, and
    wavs/ or clips/ with files "id.ENDING" in any format that soundfile reads. The table has no quotes and no
    header; the last transcript that is not empty counts.

    Raises:
        DataError: the folder, the table or the folder of clips is missing; or a line has another number of
            fields, no id, or the id of an earlier line.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected one with {METADATA} and {' or '.join(FOLDERS)}/ in it"
        )
    table = _read_table(folder / METADATA)
    clips = _clips(folder)
    files = [clips.get(id) or clips.get(_stem(id), []) for id in table]
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        contents = list(pool.map(_content, files))
    recordings = []
    for (id, transcript), paths, (content, problem) in zip(table.items(), files, contents, strict=True):
        problem = problem or ("" if transcript else "it has no transcript")
        recordings.append(Recording(id, transcript, paths[0] if paths else None, content, problem))
    return recordings


def _read_table(path: Path) -> dict[str, str]:
    """The transcript of each id."""
    transcripts: dict[str, str] = {}
    for number, line in enumerate(lines(read_text(path)), 1):
        fields = [squeeze_string(field) for field in line.split("|")]
        if len(fields) not in (2, 3):
            raise DataError(
                f"{path}: line {number}: {len(fields)} field{'s' * (len(fields) > 1)}; expected"
                " id|transcript or id|transcript|normalised transcript"
            )
        id, *others = fields
        if not id:
            raise DataError(f"{path}: line {number}: the id is empty; expected the name of a clip")
        if id in transcripts:
            raise DataError(
                f"{path}: line {number}: the id {id} was there before; expected one line per clip"
            )
        transcripts[id] = next(filter(None, reversed(others)), "")
    return transcripts


def _clips(folder: Path) -> dict[str, list[Path]]:
    """Names without ending -> sound files, in the order of their full names."""
    for name in FOLDERS:
        if (folder / name).is_dir():
            found: dict[str, list[Path]] = {}
            for file in sorted(os.listdir(folder / name)):
                path = folder / name / file
                if path.suffix.lower() in _SOUNDS:
                    found.setdefault(path.stem, []).append(path)
            return found
    raise DataError(f"{folder}: no folder of clips; expected {' or '.join(f'{name}/' for name in FOLDERS)}")


def _stem(id: str) -> str:
    """An id without the ending of a sound file, which some tables have."""
    return Path(id).stem if Path(id).suffix.lower() in _SOUNDS else id


def _content(paths: list[Path]) -> tuple[str, str]:
    """(digest of the only file in `paths`, ""), or ("", why there is none)."""
    if not paths:
        return "", "the clip is missing"
    if len(paths) > 1:
        return "", f"several clips have its name: {', '.join(path.name for path in paths)}"
    if not paths[0].is_file():
        return "", "the clip is not a file"
    try:
        return content_hash(paths[0]), ""
    except DataError as error:
        return "", str(error).removeprefix(f"{paths[0]}: ")
