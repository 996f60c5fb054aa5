"""The speed of clips to spectrograms, and the error of the way back: a table.

    python benchmarks/audio.py LJSpeech/wavs/*.wav
    python benchmarks/audio.py --sample_rate 8000 --mels 64 --f_max 4000 recordings/*.wav

Reads each clip, trims it, sets its loudness and computes its log-mels, in one thread and in one per core.
Then turns the log-mels of some clips into sound, and compares it with the clip:

- mel: mean absolute difference of the two log-mels, nats;
- spectral convergence: norm of the difference of the two magnitudes, divided by the norm of the clip's.

On two cores (2.6 GHz, AVX2) that were also busy with trainings (load 8), 365 clips of an LJSpeech subset: 417
times real time in one thread, 480 in two; copies differ by 0.086 nats and 0.23, at a real-time factor of
0.10. 600 spoken digits at 8 kHz: 348 and 560 times; copies differ by 0.107 nats and 0.18, at 0.035.
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
    """A line with the seconds of sound turned into log-mels per second."""

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
    """Lines with the error and the speed of mel_to_audio for single clips."""
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
    parser.add_argument("--copies", type=int, default=20, help="the number of clips to copy")
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
