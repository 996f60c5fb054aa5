"""How fast clips become spectrograms, and how near the way back comes: a table.

    python benchmarks/audio.py LJSpeech/wavs/*.wav
    python benchmarks/audio.py --sample_rate 8000 --mels 64 --f_max 4000 recordings/*.wav

Reads each clip, trims it, brings it to one loudness and computes its log-mels, in one thread and in two; then
turns the log-mels of some of them into sound, and compares that with the clip:

- mel: mean absolute difference of the log-mels of both, nats;
- spectral convergence: norm of the difference of the magnitudes of both, over the norm of the clip's.

On two cores (2.6 GHz, AVX2) that trainings kept busy as well (load 8), the 365 clips of an LJSpeech subset:
417 times real time in one thread, 480 in two; copies 0.086 nats and 0.23 off, at 0.10 of real time. Of spoken
digits at 8 kHz, 600: 348 and 560 times; copies 0.107 nats and 0.18 off, at 0.035.
"""

import argparse
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.speech.audio import log_mel, mel_to_audio, prepared, read


def extraction(files: list[str], settings: AudioConfig, compute, threads: int) -> str:
    """Seconds of sound made into log-mels in a second, with so many threads."""

    def seconds(path):
        wave = read(path, settings.sample_rate)
        compute(tf.constant(prepared(wave, settings))).numpy()
        return len(wave) / settings.sample_rate

    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        total = sum(pool.map(seconds, files))
        speed = total / (time.perf_counter() - start)
    return f"extraction, threads {threads}   {speed:8.0f} times real time ({len(files)} clips, {total:.0f} s)"


def copies(files: list[str], settings: AudioConfig, compute, sound) -> str:
    """Lines about the distance and the speed of mel_to_audio, batch 1."""
    mels, convergences, factors = [], [], []
    for path in files:
        wave = prepared(read(path, settings.sample_rate), settings)
        mel = compute(tf.constant(wave))
        frames = tf.shape(mel)[:1]
        if not mels:
            sound(mel[None], frames)  # the first call is slower
        start = time.perf_counter()
        copy = sound(mel[None], frames)[0].numpy()[0]
        factors.append((time.perf_counter() - start) * settings.sample_rate / len(wave))
        mels.append(float(tf.reduce_mean(tf.abs(compute(tf.constant(copy)) - mel))))
        before, after = (_magnitude(each, settings) for each in (wave, copy))
        convergences.append(float(np.linalg.norm(after - before) / np.linalg.norm(before)))
    lines = [f"copies                  {len(files):8d} clips"]
    table = {"mel, nats": mels, "spectral convergence": convergences, "real-time factor": factors}
    for name, values in table.items():
        lines.append(f"{name:<24}{statistics.mean(values):8.3f} mean {max(values):8.3f} largest")
    return "\n".join(lines)


def _magnitude(wave: np.ndarray, settings: AudioConfig) -> np.ndarray:
    transform = tf.signal.stft(wave, settings.window, settings.hop, settings.fft_size, pad_end=True)
    return tf.abs(transform).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--sample_rate", type=int, default=22_050)
    parser.add_argument("--mels", type=int, default=80)
    parser.add_argument("--f_max", type=float, default=8000.0)
    parser.add_argument("--copies", type=int, default=20, help="how many of the clips to copy")
    arguments = parser.parse_args()
    settings = AudioConfig(sample_rate=arguments.sample_rate, mels=arguments.mels, f_max=arguments.f_max)
    compute = tf.function(
        lambda wave: log_mel(wave, settings),
        autograph=False,
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    sound = tf.function(
        lambda mel, frames: mel_to_audio(mel, frames, settings),
        autograph=False,
        input_signature=[tf.TensorSpec([None, None, settings.mels]), tf.TensorSpec([None], tf.int32)],
    )
    extraction(arguments.files[:4], settings, compute, 1)  # the first calls are slower
    for threads in (1, os.cpu_count() or 1):
        print(extraction(arguments.files, settings, compute, threads), flush=True)
    print(copies(arguments.files[:: -(-len(arguments.files) // arguments.copies)], settings, compute, sound))


if __name__ == "__main__":
    main()
