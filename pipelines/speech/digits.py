"""Strings of digits read aloud: utterances joined from the single digits of one human voice.

The clips are those of the speaker "jackson" of the Free Spoken Digit Dataset (samples/SOURCE.txt). A simple
recogniser trained on the other five voices knows 95 of 100 of this one's digits (70 to 85 of the others'),
and its clips of one digit differ least in length. Of the 45 clips of each digit that are shipped, clips 5 to
9 are not used here: they are kept to judge a model trained on the rest. Training, validation and test strings
have clips of their own, so that no sound of a test string was trained on.
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from pipelines.cache import built_once, digest
from pipelines.files import content_hash, samples
from pipelines.speech.recordings import FOLDERS, METADATA
from pipelines.splits import PairDigests, assign_splits

NAME = "sample:digits"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAMPLE_RATE = 8000  # Hz, as recorded
FORMAT = 2  # of the recipe: raise it when its utterances change

_ARCHIVE = samples() / "digits.zip"
_SEED = 40_927
_COUNTS = (10, 60, 530, 600, 600, 600)  # strings of one digit, of two ...
_TAKES = (range(20, 50), range(10, 15), range(15, 20))  # the clips of each digit in train, valid and test
_PAUSES = (0.040, 0.160)  # seconds between two digits, least and most
_MARGIN = 0.05  # seconds before and after an utterance
_LOUDNESS = -23.0  # dB, root mean square of a digit between its ends
_ROOM = -65.0  # dB, root mean square of the noise under an utterance
_NOISE = 30  # seconds of noise
_QUIET = -42.0  # dB below the loudest moment: a digit begins and ends there; the s of "six" is at -40
_MOMENT = 80  # samples, 10 ms
_FADE = 40  # samples, 5 ms, at both ends of a digit

_STRINGS, _READING, _ROOM_TONE = range(3)  # keys of the random numbers


def folder_of(root: Path, fractions: Sequence[float], progress: Callable[[str], None]) -> Path:
    """The folder of the cache `root` with the utterances, in the form of LJSpeech; made unless it is there.

    Args:
        fractions: of train, valid and test (see `digits`).
        progress: called with a line about each step.
    """

    def fill(folder: Path) -> None:
        progress(f"joining {sum(_COUNTS):,} utterances of {NAME}")
        digits(folder, fractions)

    made_of = {"recipe": NAME, "format": FORMAT, "clips": content_hash(_ARCHIVE)}
    key = digest({**made_of, "split": list(fractions)})
    return built_once(root, key, fill, intact)


def digits(folder: Path, fractions: Sequence[float]) -> None:
    """Fills a folder with utterances: metadata.csv and FLAC files of `SAMPLE_RATE` Hz, 16 bit.

    Args:
        fractions: of train, valid and test: with them `pipelines.splits.assign_splits` tells which split a
            string will be in, and so which clips it is joined from.

    Each utterance is another string of one to six digits, such as "four zero nine": all strings of one digit,
    60 of the 100 of two, and 530 to 600 of each length from three to six. The digits have one loudness, with
    pauses of 40 to 160 ms between them and a low noise under the whole. Every call writes the same bits.
    """
    clips, noise = [_read_clips(takes) for takes in _TAKES], _noise()
    (folder / FOLDERS[0]).mkdir()
    found, digests = strings(), PairDigests()
    texts = [" ".join(WORDS[digit] for digit in string) for string in found]
    spoken = list(digests.through((f"digits-{n:04d}", text) for n, text in enumerate(texts)))
    splits = assign_splits(digests, fractions)
    for number, (string, split) in enumerate(zip(found, splits, strict=True)):
        wave = _joined([clips[split][digit] for digit in string], noise, number)
        packed = io.BytesIO()  # when soundfile writes a file itself, it waits for the disk
        soundfile.write(packed, wave, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        (folder / FOLDERS[0] / f"{spoken[number][0]}.flac").write_bytes(packed.getbuffer())
    (folder / METADATA).write_text("".join(f"{id}|{text}\n" for id, text in spoken), encoding="utf-8")


def intact(folder: Path) -> bool:
    """Whether all utterances are there."""
    files = list((folder / FOLDERS[0]).glob("*.flac")) if (folder / METADATA).is_file() else []
    return len(files) == sum(_COUNTS) and all(path.stat().st_size for path in files)


def strings() -> list[tuple[int, ...]]:
    """The strings of digits, short ones first."""
    found = []
    for length, count in enumerate(_COUNTS, 1):
        chosen = np.argsort(_words(10**length, _STRINGS, length), kind="stable")[:count]
        found += [tuple(map(int, f"{string:0{length}d}")) for string in chosen]
    return found


def _words(count: int, *key: int) -> np.ndarray:
    """Random numbers, uint64 [count], by an algorithm that NumPy guarantees."""
    return np.random.SeedSequence([_SEED, *key]).generate_state(count, np.uint64)


def _uniform(count: int, *key: int) -> np.ndarray:
    """Random numbers in [0, 1), float64 [count]."""
    return (_words(count, *key) >> np.uint64(11)) / 2.0**53


def _read_clips(takes: Sequence[int]) -> list[list[np.ndarray]]:
    """These clips of each digit, trimmed and at one loudness: float64 [samples] each."""
    with zipfile.ZipFile(_ARCHIVE) as archive:

        def clip(digit: int, take: int) -> np.ndarray:
            return _levelled(soundfile.read(io.BytesIO(archive.read(f"{digit}_jackson_{take}.flac")))[0])

        return [[clip(digit, take) for take in takes] for digit in range(10)]


def _levelled(wave: np.ndarray) -> np.ndarray:
    """A clip without its quiet ends, at `_LOUDNESS`, faded in and out."""
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
    """One of the clips of each digit, one after the other, over a part of the noise: float64 [samples]."""
    draws = _uniform(2 * len(clips), _READING, number)  # takes, a start in the noise, pauses
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
