"""Memory and time to start training on a large text file, plain and gzip, first and later starts.

    python benchmarks/memory_use.py [--gigabytes 1] [--kind subwords] [--folder DIR]

Writes a text of that size into a temporary folder (tiny Shakespeare with its lines in changing orders and
some accents in decomposed form, so that normalisation has work to do), then starts a training process four
times: tokens from the pipeline, a plain Keras LSTM of 2 x 256, 20 steps of 64 x 100. The table has a row per
process:

    seconds      from the start of the process, with the import of TensorFlow, to the end of the first step
    cpu          processor seconds of the whole process: the fairer figure on a busy machine
    peak         the largest anonymous memory (RssAnon) of the process, read 20 times per second

Needs Linux, and about five times the size in free disk space.
"""

import argparse
import gzip
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = """
import sys
import keras
from pipelines.generation import prepare, training_windows

path, cache, kind = sys.argv[1:]
corpus = prepare([path], cache=cache, kind=kind, progress=lambda line: print(line, file=sys.stderr))
model = keras.Sequential([
    keras.layers.Embedding(corpus.tokenizer.size, 256),
    keras.layers.LSTM(256, return_sequences=True),
    keras.layers.LSTM(256, return_sequences=True),
    keras.layers.Dense(corpus.tokenizer.size),
])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
windows = training_windows(corpus.split("train"), streams=64, window=100, seed=0)
first = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: print("step", flush=True))
model.fit(windows, steps_per_epoch=20, verbose=0, callbacks=[first])
"""


def write_text(path: Path, size: int) -> None:
    """About `size` bytes of text."""
    sample = Path(__file__).parents[1] / "pipelines" / "samples" / "tinyshakespeare.txt.gz"
    lines = gzip.decompress(sample.read_bytes()).decode().splitlines(keepends=True)
    order, written = random.Random(0), 0
    with open(path, "wb") as file:
        while written < size:
            order.shuffle(lines)
            lines[::50] = [line.replace("e", "e\N{COMBINING ACUTE ACCENT}", 1) for line in lines[::50]]
            written += file.write("".join(lines).encode())
            lines = [line.replace("\N{COMBINING ACUTE ACCENT}", "") for line in lines]


def compress(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    with open(path, "rb") as source, gzip.open(packed, "wb", compresslevel=3) as target:
        while block := source.read(2**22):
            target.write(block)
    return packed


def anonymous_memory(process: int) -> int:
    """Bytes of anonymous memory of a process; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


def processor_seconds() -> float:
    """Processor seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(path: Path, cache: Path, kind: str) -> tuple[float, float, int]:
    """Seconds to the first step, processor seconds and peak bytes of a training process."""
    start, first, peak, used = time.monotonic(), None, 0, processor_seconds()
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", TRAIN, str(path), str(cache), kind]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        os.set_blocking(process.stdout.fileno(), False)
        while process.poll() is None:
            peak = max(peak, anonymous_memory(process.pid))
            if first is None and process.stdout.readline():
                first = time.monotonic() - start
            time.sleep(0.05)
    if process.returncode or first is None:
        raise SystemExit(f"the training process failed with code {process.returncode}")
    return first, processor_seconds() - used, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--kind", choices=["characters", "subwords"], default="characters")
    parser.add_argument("--folder", help="the place of the temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        plain = Path(folder, "text.txt")
        write_text(plain, int(arguments.gigabytes * 1e9))
        rows = []
        for path in (plain, compress(plain)):
            for start in ("first", "second"):
                seconds, used, peak = measure(path, Path(folder, f"cache-{path.suffix}"), arguments.kind)
                rows.append(f"{path.suffix[1:]:6} {start:8} {seconds:8.1f} {used:8.1f} {peak / 1e9:10.2f}")
        print(f"{plain.stat().st_size / 1e9:.2f} GB of text, {arguments.kind}, {os.cpu_count()} cores")
        print(f"{'file':6} {'start':8} {'seconds':>8} {'cpu':>8} {'peak GB':>10}")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
