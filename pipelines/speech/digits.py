"""Strings of digits, read aloud: utterances joined from the single digits of one human voice.

The clips are those of the speaker "jackson" of the Free Spoken Digit Dataset (samples/SOURCE.txt): of six
voices the one whose digits a simple recogniser trained on the other five knows best, 95 of 100 (the others:
70 to 85), and whose clips of one digit differ least in length. Of the 45 clips of each digit that are
shipped, 5 to 9 are not used here: they are left to judge what a model makes of the others.
"""

import io
import zipfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile

from pipelines.cache import built_once, digest
from pipelines.files import content_hash
from pipelines.speech.recordings import FOLDERS, METADATA

NAME = "sample:digits"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAMPLE_RATE = 8000  # Hz, as recorded
FORMAT = 1  # of the recipe: raise it when its utterances change

_SEED = 40_927
_COUNTS = (10, 60, 530, 600, 600, 600)  # strings of one digit, of two ...
_TAKES = range(10, 50)  # of each digit
_PAUSES = (0.040, 0.160)  # seconds between two digits
_MARGIN = 0.05  # seconds of the room before and after an utterance
_LOUDNESS = -23.0  # dB, root mean square of a digit where it sounds
_ROOM = -65.0  # dB, root mean square of the noise that a pause is not silent for
_NOISE = 30  # seconds of it
_QUIET = -42.0  # dB below the loudest moment: what begins and ends a digit; the s of "six" is at -40
_MOMENT = 80  # samples, 10 ms
_FADE = 40  # samples, 5 ms: at both ends of a digit

_WHICH, _HOW, _ROOM_TONE = range(3)  # what is drawn: strings, how one of them is read, the noise


def folder_of(root: Path, say: Callable[[str], None]) -> Path:
    """A folder of the cache `root` with the utterances, in the form of LJSpeech; made where it is not there.

    Args:
        say: called with a line about what is being done.
    """

    def fill(folder: Path) -> None:
        say(f"joining {sum(_COUNTS):,} utterances of {NAME}")
        digits(folder)

    key = digest({"recipe": NAME, "format": FORMAT, "clips": content_hash(_archive())})
    return built_once(root, key, fill, intact)


def digits(folder: Path) -> None:
    """Fills a folder with utterances: metadata.csv and FLAC files of `SAMPLE_RATE` Hz, 16 bit.

    Each is a string of one to six digits, "four zero nine", that is there once: all of one digit, 60 of the
    100 of two, and 530 to 600 each of three to six. The digits are at one loudness, with pauses of 40 to
    160 ms between them, and a low noise under all of it. It is the same each time, bit by bit.
    """
    clips, noise = _read_clips(), _noise()
    (folder / FOLDERS[0]).mkdir()
    lines = []
    for number, string in enumerate(strings()):
        id = f"digits-{number:04d}"
        wave = _joined([clips[digit] for digit in string], noise, number)
        packed = io.BytesIO()  # soundfile waits for the disk after each file that it writes itself
        soundfile.write(packed, wave, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        (folder / FOLDERS[0] / f"{id}.flac").write_bytes(packed.getbuffer())
        lines.append(f"{id}|{' '.join(WORDS[digit] for digit in string)}\n")
    (folder / METADATA).write_text("".join(lines), encoding="utf-8")


def intact(folder: Path) -> bool:
    """Whether all utterances are there."""
    files = list((folder / FOLDERS[0]).glob("*.flac")) if (folder / METADATA).is_file() else []
    return len(files) == sum(_COUNTS) and all(path.stat().st_size for path in files)


def strings() -> list[tuple[int, ...]]:
    """The strings of digits that are read, short ones first."""
    found = []
    for length, count in enumerate(_COUNTS, 1):
        chosen = np.argsort(_words(10**length, _WHICH, length), kind="stable")[:count]
        found += [tuple(map(int, f"{string:0{length}d}")) for string in chosen]
    return found


def _words(count: int, *key: int) -> np.ndarray:
    """Random numbers, uint64 [count], by an algorithm that NumPy guarantees."""
    return np.random.SeedSequence([_SEED, *key]).generate_state(count, np.uint64)


def _uniform(count: int, *key: int) -> np.ndarray:
    """Random numbers from 0 to below 1, float64 [count]."""
    return (_words(count, *key) >> np.uint64(11)) / 2.0**53


def _archive() -> Path:
    return Path(str(resources.files("pipelines"))) / "samples" / "digits.zip"


def _read_clips() -> list[list[np.ndarray]]:
    """The clips of each digit, trimmed and at one loudness: float64 [samples] each."""
    with zipfile.ZipFile(_archive()) as archive:
        return [
            [
                _levelled(soundfile.read(io.BytesIO(archive.read(f"{digit}_jackson_{take}.flac")))[0])
                for take in _TAKES
            ]
            for digit in range(10)
        ]


def _levelled(wave: np.ndarray) -> np.ndarray:
    """A clip without its quiet ends, faded at both, with `_LOUDNESS` where it sounds."""
    moments = np.pad(wave, [0, -len(wave) % _MOMENT]).reshape(-1, _MOMENT)  # [moments, samples]
    level = (moments**2).mean(axis=1)
    sounding = level >= level.max() * 10 ** (_QUIET / 10)
    first, last = np.flatnonzero(sounding)[[0, -1]]
    wave = wave[max(0, first - 2) * _MOMENT : (last + 3) * _MOMENT]
    wave = wave * 10 ** (_LOUDNESS / 20) / np.sqrt(level[sounding].mean())
    fade = np.minimum(1, (np.arange(len(wave)) + 0.5) / _FADE)
    return wave * fade * fade[::-1]


def _noise() -> np.ndarray:
    """The noise of a room, longer than any utterance: float64 [samples]."""
    uniform = _uniform(_NOISE * SAMPLE_RATE, _ROOM_TONE) - 0.5  # of variance 1/12
    return uniform * np.sqrt(12) * 10 ** (_ROOM / 20)


def _joined(clips: list[list[np.ndarray]], noise: np.ndarray, number: int) -> np.ndarray:
    """One of the clips of each digit, one after the other, in a part of the noise: float64 [samples]."""
    draws = _uniform(2 * len(clips), _HOW, number)  # takes, a place in the noise, pauses
    waves = [takes[int(draw * len(takes))] for takes, draw in zip(clips, draws, strict=False)]
    shortest, longest = _PAUSES
    drawn = (shortest + (longest - shortest) * draws[len(clips) + 1 :]).tolist()
    pauses = [_MARGIN, *drawn, _MARGIN]
    parts = [np.zeros(round(pauses[0] * SAMPLE_RATE))]
    for wave, pause in zip(waves, pauses[1:], strict=True):
        parts += [wave, np.zeros(round(pause * SAMPLE_RATE))]
    wave = np.concatenate(parts)
    start = int(draws[len(clips)] * (len(noise) - len(wave)))
    return wave + noise[start : start + len(wave)]
