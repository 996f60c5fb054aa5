"""How far from the recordings, and how blurred beside them, runs of `synthesis` read a split aloud.

    python benchmarks/mel_discriminator.py runs/without runs/against --picture docs/sharper.png

What training against a discriminator (`training.adversarial_weight`) is for, and what it costs. The runs have
the data and the audio settings of the first. Each text is read with nothing but itself given, and measured:

mel L1, MCD: distance from the recording along the best path of time warping (see `kerasapp.metrics`); blur,
    the mean of all that could be, is what makes it small.
variance: of each mel channel over the time of an utterance, the mean of the channels, as a share of that of
    the recordings ("global variance", Toda & Tokuda 2007). Loud against silent counts most in it.
detail: mean square of the Laplacian of the log-mels, how far each value is from the mean of its neighbours
    in time and on the mel scale, likewise (a measure of focus: Pech-Pacheco et al. 2000).
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import scipy.ndimage
from rich.console import Console
from rich.table import Table

import kerasapp
from kerasapp import metrics, plots_audio, threads
from kerasapp.tasks.synthesis_answers import DEFAULTS
from kerasapp.tasks.task import filled, strings
from pipelines.atomic import replacing

AT_ONCE = 32  # texts in a batch


def variance(mel):
    """Mean over the channels of their variance over time: log-mels [frames, mels] -> float, nats squared."""
    return float(np.mean(np.var(mel, axis=0)))


def detail(mel):
    """Mean square of the Laplacian of log-mels [frames, mels], without their edge: float, nats squared."""
    return float(np.mean(scipy.ndimage.laplace(np.asarray(mel, np.float64))[1:-1, 1:-1] ** 2))


def read(synthesizer, texts):
    """The log-mels [frames, mels] of texts, and which of them the attention has read well; no sound."""
    mels, aligned = [], []
    for start in range(0, len(texts), AT_ONCE):
        batch = texts[start : start + AT_ONCE]
        spoken = synthesizer.servable.spectrogram(strings(batch), **filled(DEFAULTS, batch))
        mels += [mel[:frames] for mel, frames in zip(spoken["mel"].numpy(), spoken["frames"].numpy())]
        aligned += spoken["aligned"].numpy().tolist()
    return mels, aligned


def measured(mels, recordings):
    """The figures of a run, name -> float, of log-mels [frames, mels] and those of the recordings."""
    pairs = list(zip(mels, recordings, strict=True))
    figures = {
        "mel_l1": np.mean([metrics.mel_l1(*pair) for pair in pairs]),
        "mcd_db": np.mean([metrics.mel_cepstral_distortion(*pair) for pair in pairs]),
    }
    for measure in (variance, detail):
        ours, theirs = (np.mean([measure(mel) for mel in side]) for side in zip(*pairs, strict=True))
        figures[measure.__name__] = ours / theirs
    return {name: float(value) for name, value in figures.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--split", default="test", choices=["train", "valid", "test"])
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="of an utterance, by all of them")
    parser.add_argument("--utterance", type=int, default=0, metavar="N", help="of the split, in the picture")
    parser.add_argument("--titles", nargs="+", help="of the runs, in the picture; by default their names")
    args = parser.parse_args()
    threads.run_side_by_side()
    table = Table("", "mel L1", "MCD, dB", "variance", "detail", "aligned")
    table.add_row("recordings", "0", "0", "100%", "100%", "")
    task = kerasapp.load(args.runs[0]).task
    texts, clips = task.corpus.texts(args.split), task.corpus.part(args.split)
    recordings = [clips.mel(i) for i in range(len(texts))]
    pictures = {"recording": recordings[args.utterance]}
    for run, title in zip(args.runs, args.titles or args.runs, strict=True):
        mels, aligned = read(kerasapp.load(run), texts)
        figures = measured(mels, recordings)
        shares = figures["variance"], figures["detail"], np.mean(aligned)
        distances = f"{figures['mel_l1']:.3f}", f"{figures['mcd_db']:.2f}"
        table.add_row(run, *distances, *(f"{share:.0%}" for share in shares))
        pictures[title] = mels[args.utterance]
    Console(width=120, highlight=False).print(table)
    if args.picture:
        print(f"{args.picture}: {texts[args.utterance]}")
        with replacing(args.picture) as file:
            file.write(plots_audio.spectrograms_image(pictures, task.config.audio))


if __name__ == "__main__":
    main()
