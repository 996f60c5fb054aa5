"""Recordings with transcripts, in the form of LJSpeech: a table of transcripts and a folder of clips."""

import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile

from pipelines.errors import DataError
from pipelines.files import content_hash
from pipelines.speech.transcript_table import METADATA, read_table

FOLDERS = ("wavs", "clips")  # folders of clips; the first one found counts
_SOUNDS = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga", ".opus"}
_OTHER_SOUNDS = {".m4a", ".m4b", ".aac", ".mp4", ".webm", ".wma", ".amr", ".3gp", ".ape", ".mka"}  # not read


@dataclass(frozen=True)
class Recording:
    """A line of the table and its clip.

    Attributes:
        id: the name of the clip, as the table has it.
        transcript: the text that is read aloud; empty where the line has none.
        path: of the clip; None where it has none of its own.
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

    It holds metadata.csv (see `pipelines.speech.transcript_table`), and wavs/ or clips/ with files
    "id.ENDING" in any format that soundfile reads. An id may also be a path in that folder, with or without
    the ending. A clip in a folder below is found by its path, or by its name if no other clip has the same.
    Names are compared in Unicode's form NFC.

    Raises:
        DataError: the folder, the table or the folder of clips is missing, or the table cannot be used.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected one with {METADATA} and {' or '.join(FOLDERS)}/ in it"
        )
    table = read_table(folder / METADATA)
    clips = _Clips(folder)
    found = [clips.find(id) for id in table]
    users: dict[Path, list[str]] = {}
    for id, (path, _) in zip(table, found, strict=True):
        if path:
            users.setdefault(path, []).append(id)
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run
        contents = list(pool.map(_content, [path for path, _ in found]))
    recordings = []
    for (id, transcript), (path, unfound), (content, unread) in zip(
        table.items(), found, contents, strict=True
    ):
        shared = [other for other in users.get(path, []) if other != id]
        problem = unfound or (f"{path.name} is the clip of {shared[0]} too" if shared else unread)
        problem = problem or ("" if transcript else "it has no transcript")
        recordings.append(Recording(id, transcript, path, content, problem))
    return recordings


def same_sounds(recordings: Sequence[Recording]) -> dict[str, str]:
    """Id -> why a clip cannot be used, of those that have the same sound as one with another transcript."""
    users: dict[str, list[Recording]] = {}
    for recording in recordings:
        users.setdefault(recording.content, []).append(recording)
    found = {}
    for one in recordings:
        other = next((each for each in users[one.content] if each.transcript != one.transcript), None)
        if other:
            found[one.id] = f"its sound is that of {other.id} too, which has another transcript"
    return found


class _Clips:
    """The files of the folder of clips, by their paths in it and by their names, both without the ending."""

    def __init__(self, folder: Path):
        places = [folder / name for name in FOLDERS if (folder / name).is_dir()]
        if not places:
            raise DataError(
                f"{folder}: no folder of clips; expected {' or '.join(f'{name}/' for name in FOLDERS)}"
            )
        self._place = places[0]
        self._paths: dict[str, list[Path]] = {}
        self._names: dict[str, list[Path]] = {}
        self._others: dict[str, Path] = {}
        for place, folders, files in os.walk(self._place):
            folders.sort()
            for file in sorted(files + [name for name in folders if _ending(name) in _SOUNDS]):
                self._add(Path(place, file))

    def _add(self, path: Path) -> None:
        below = _composed(path.relative_to(self._place).with_suffix("").as_posix())
        name, ending = below.rpartition("/")[2], path.suffix.lower()
        if ending in _SOUNDS:
            self._paths.setdefault(below, []).append(path)
            self._names.setdefault(name, []).append(path)
        elif ending in _OTHER_SOUNDS:
            self._others.setdefault(name, path)

    def find(self, id: str) -> tuple[Path | None, str]:
        """(the only clip of an id, ""), or (None, why there is none)."""
        wanted = _composed(id.replace("\\", "/")).removeprefix("./")
        for name in FOLDERS:
            wanted = wanted.removeprefix(f"{name}/")
        plain = wanted.rpartition(".")[0] if _ending(wanted) in _SOUNDS | _OTHER_SOUNDS else wanted
        last = [whole.rpartition("/")[2] for whole in (wanted, plain)]
        found = next(
            (
                paths
                for index, keys in ((self._paths, (wanted, plain)), (self._names, last))
                for key in keys
                if (paths := index.get(key))
            ),
            [],
        )
        if len(found) == 1:
            return found[0], ""
        if found:
            names = ", ".join(path.relative_to(self._place).as_posix() for path in found)
            return None, f"several clips have its name: {names}"
        other = next((self._others[key] for key in last if key in self._others), None)
        if other is None:
            return None, "the clip is missing"
        return None, f"{other.name}: not a format that libsndfile reads; convert it to WAV or FLAC"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _content(path: Path | None) -> tuple[str, str]:
    """(the digest of a file, ""), or ("", why it has none)."""
    if path is None:
        return "", ""
    if not path.is_file():
        return "", "the clip is not a file"
    try:
        return content_hash(path), ""
    except DataError as error:
        return "", str(error).removeprefix(f"{path}: ")
