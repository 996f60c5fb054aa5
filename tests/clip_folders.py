"""Folders of clips in the form of LJSpeech, for the tests of pipelines."""

import numpy as np
import soundfile

from kerasapp.tasks.synthesis.audio_config import AudioConfig

RATE = 2000
AUDIO = AudioConfig(sample_rate=RATE, mels=6, f_max=1000.0, trim_db=0.0)


def tone(seconds, pitch, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * np.sin(2 * np.pi * 5 * pitch * time)


def write_clips(folder, count, texts=None, seed=0, seconds=(0.6, 1.2)):
    """Clips of so many seconds, least and most, each of its own pitch, and their table."""
    (folder / "wavs").mkdir(parents=True)
    lengths = np.random.default_rng(seed).uniform(*seconds, count)
    for number in range(count):
        wave = tone(lengths[number], 100 + number)
        soundfile.write(folder / "wavs" / f"c{number:03d}.flac", wave, RATE)
    texts = texts or [f"clip {number}{'x' * int(9 * lengths[number])}" for number in range(count)]
    lines = [f"c{number:03d}|{text}\n" for number, text in enumerate(texts)]
    (folder / "metadata.csv").write_text("".join(lines))
    return folder
