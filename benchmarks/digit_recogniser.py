"""The share of digits read aloud by a run of `synthesis` that an independent recogniser understands.

    python benchmarks/digit_recogniser.py --fsdd free-spoken-digit-dataset/recordings --run runs/digits

The run is one of `kerasapp train synthesis --preset digits`. The recogniser is trained here, for some
minutes, on the Free Spoken Digit Dataset, {digit}_{speaker}_{take}.wav: convolutions over log-mels, a
bidirectional GRU, CTC (Graves et al., 2006). It does not hear the clips that the run was trained on: of the
run's voice it knows takes 5 to 9, of the other voices 5 to 49; takes 0 to 4 test it. It is trained on strings
of one to six digits of one speaker, joined anew for each step, with pauses of 0 to 200 ms, speeds of 0.9 to
1.1, and varying loudness and noise. 40% of them are of the run's voice, which has few clips.

Accuracy is 1 - edit distance / digits; a string is exact if no digit is misread. The strings read aloud are
in no split of the run's data, and have each digit equally often at each position; of two digits there are
only ten such strings. Recorded strings are the same, joined from test clips with pauses of 40 to 160 ms:
compare a run with the rows above it.
"""

import argparse
import collections
import itertools
import math
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

import keras
import numpy as np
import soxr
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

import kerasapp
from kerasapp import threads
from kerasapp.tasks.synthesis import plots as plots_audio
from kerasapp.tasks.synthesis.audio_config import AudioConfig
from pipelines.errors import DataError
from pipelines.speech import audio, digits

VOICE = "jackson"  # of pipelines/speech/digits.py
HELD_OUT, OF_VOICE, OF_OTHERS = range(5), range(5, 10), range(5, 50)  # takes
RATE = digits.SAMPLE_RATE
SETTINGS = AudioConfig(
    sample_rate=RATE, window_ms=25, hop_ms=12.5, mels=40, f_max=None, floor_db=-80, trim_db=45, padding_ms=10
)
DIGITS_A_BATCH = 96
WARM_UP = GROWING = 50  # steps in which the learning rate rises; and after which strings grow by a digit
LEARNING_RATE = 5e-3
MARGIN = RATE // 20  # samples of silence around test clips
VOICE_SHARE = 0.4  # of the training strings
DROPOUT = 0.1
BLANK = 0  # of CTC; digit d is d + 1
SYNTHESISED = "strings, synthesised"


def read_clips(folder: Path, takes) -> dict[str, list[list[np.ndarray]]]:
    """Speaker -> the clips of each digit, without silent ends; `takes` is a function of the speaker."""
    speakers = sorted({path.name.split("_")[1] for path in folder.glob("[0-9]_*_*.wav")})
    if VOICE not in speakers:
        raise SystemExit(f"{folder}: no recordings of {VOICE}, {{digit}}_{VOICE}_{{take}}.wav")

    def clip(name):
        return audio.prepared(audio.read(folder / name, RATE), SETTINGS)

    return {
        speaker: [[clip(f"{digit}_{speaker}_{take}.wav") for take in takes(speaker)] for digit in range(10)]
        for speaker in speakers
    }


def joined(rng, clips: list[np.ndarray], pauses: tuple[float, float], noise_db: float) -> np.ndarray:
    """Clips one after the other, with pauses of so many seconds around each of them, and noise."""
    parts = [np.zeros(int(rng.uniform(*pauses) * RATE))]
    for clip in clips:
        parts += [clip, np.zeros(int(rng.uniform(*pauses) * RATE))]
    wave = np.concatenate(parts)
    return wave + 10 ** (noise_db / 20) * rng.standard_normal(len(wave))


def changed(rng, clip: np.ndarray, speed: float) -> np.ndarray:
    """A clip at another speed (and pitch) and loudness."""
    speed = np.clip(speed * rng.uniform(0.97, 1.03), 0.9, 1.1)
    return soxr.resample(clip, speed * RATE, RATE) * 10 ** (rng.normal(0, 2) / 20)


def examples(clips: dict, seed: int):
    """Endless batches, each of strings of one length: waves [strings, samples], labels [strings, digits]."""
    rng = np.random.default_rng(seed)
    others = [speaker for speaker in clips if speaker != VOICE]
    for number in itertools.count():
        length = int(rng.integers(1, 2 + min(5, number // GROWING)))  # short strings first: CTC learns sooner
        spoken = rng.integers(10, size=(DIGITS_A_BATCH // length, length))
        waves = []
        for string in spoken:
            speaker = VOICE if rng.random() < VOICE_SHARE else others[rng.integers(len(others))]
            takes, speed = clips[speaker], rng.uniform(0.9, 1.1)
            said = [changed(rng, takes[digit][rng.integers(len(takes[digit]))], speed) for digit in string]
            wave = joined(rng, said, (0.0, 0.2), rng.uniform(-75, -40))
            waves.append(wave * 10 ** (rng.uniform(-6, 6) / 20))
        yield keras.utils.pad_sequences(waves, dtype="float32", padding="post"), (spoken + 1).astype(np.int32)


def training_data(clips: dict, seed: int) -> tf.data.Dataset:
    """Endless batches of log-mels [strings, frames, mels] and labels."""
    signature = (tf.TensorSpec([None, None]), tf.TensorSpec([None, None], tf.int32))
    data = tf.data.Dataset.from_generator(lambda: examples(clips, seed), output_signature=signature)
    return data.map(lambda waves, labels: (audio.log_mel(waves, SETTINGS), labels)).prefetch(4)


def recogniser(average: np.ndarray, variance: np.ndarray) -> keras.Model:
    """Log-mels [strings, frames, mels] -> logits [strings, frames / 4, blank and 10 digits]."""
    inputs = x = keras.Input([None, SETTINGS.mels], name="mel")
    x = keras.layers.Normalization(mean=average, variance=variance)(x)
    for channels, stride in ((64, 1), (96, 2), (128, 2)):
        x = keras.layers.Conv1D(channels, 5, stride, padding="same")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.97)(x))
        x = keras.layers.Dropout(DROPOUT)(x)
    x = keras.layers.Bidirectional(keras.layers.GRU(64, return_sequences=True))(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    return keras.Model(inputs, keras.layers.Dense(11, name="logits")(x))


def ctc(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """CTC loss of each string. Strings are padded with silence, which the network has to recognise."""
    frames = tf.fill(tf.shape(logits)[:1], tf.shape(logits)[1])
    labels = tf.sparse.from_dense(tf.cast(labels, tf.int32))  # TensorFlow's faster implementation
    return tf.nn.ctc_loss(labels, logits, None, frames, logits_time_major=False, blank_index=BLANK)


class Clock(keras.callbacks.Callback):
    """Ends a training after so many seconds of processor time (not wall time: the machine may be busy). The
    learning rate rises and falls over them."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds, self.started, self.steps = seconds, time.process_time(), 0

    def on_train_batch_begin(self, batch, logs=None):
        share = min(1.0, (time.process_time() - self.started) / self.seconds)
        rate = LEARNING_RATE * min(1.0, (self.steps + 1) / WARM_UP)
        self.model.optimizer.learning_rate = rate * (1.01 + math.cos(math.pi * share)) / 2

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.model.stop_training = time.process_time() - self.started > self.seconds


def trained(clips: dict, minutes: float, seed: int) -> keras.Model:
    """A new recogniser; prints how long it was trained."""
    keras.utils.set_random_seed(seed)
    data = training_data(clips, seed)
    mels = np.concatenate([mel.numpy().reshape(-1, SETTINGS.mels) for mel, _ in data.take(12)])
    model = recogniser(mels.mean(axis=0), mels.var(axis=0))
    model.compile(keras.optimizers.Adam(global_clipnorm=1.0), ctc, jit_compile=False)
    clock, wall = Clock(60 * minutes), time.perf_counter()
    model.fit(data, shuffle=False, verbose=0, callbacks=[clock])
    wall, processor = time.perf_counter() - wall, time.process_time() - clock.started
    print(f"trained for {wall:.0f} s ({processor:.0f} s of the processor), {clock.steps:,} steps", flush=True)
    return model


def heard(model: keras.Model, waves: list[np.ndarray]) -> list[tuple[int, ...]]:
    """The digits recognised in each wave; waves are read one by one."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None])])
    def labels(wave):
        logits = model(audio.log_mel(wave, SETTINGS)[tf.newaxis], training=False)
        return tf.argmax(logits[0], axis=-1)

    found = []
    for wave in waves:
        try:
            best = labels(np.pad(audio.prepared(wave, SETTINGS), MARGIN)).numpy()
        except DataError:  # silent
            best = []
        found.append(tuple(int(label) - 1 for label, _ in itertools.groupby(best) if label != BLANK))
    return found


def errors(truth: list[tuple[int, ...]], found: list[tuple[int, ...]]) -> np.ndarray:
    """Edit distance of each string."""
    sparse = [tf.ragged.constant(rows, tf.int64, ragged_rank=1).to_sparse() for rows in (found, truth)]
    return tf.edit_distance(*sparse, normalize=False).numpy()


def unseen(count: int, rng) -> list[tuple[int, ...]]:
    """Strings of two to six digits that the run's data lacks, in tens: each digit once at each position."""
    taken, tens, lengths = set(digits.strings()), [], collections.deque(range(2, 7))
    while 10 * len(tens) < count:
        ten = _ten(lengths[0], taken, rng)
        if ten:
            tens.append(ten)
            taken.update(ten)
            lengths.rotate(-1)
        else:
            lengths.popleft()  # there are no more
    return sorted(itertools.chain(*tens), key=len)


def _ten(length: int, taken: set, rng) -> list[tuple[int, ...]] | None:
    """Ten strings not in `taken`, each digit once at each position; None if some tries find none."""
    for _ in range(100):
        starts = np.stack([rng.permutation(10) for _ in range(length - 1)], axis=1).tolist()
        cost = [[rng.random() + 100 * ((*start, end) in taken) for end in range(10)] for start in starts]
        rows, ends = linear_sum_assignment(cost)
        ten = [(*starts[row], int(end)) for row, end in zip(rows, ends, strict=True)]
        if not taken.intersection(ten):
            return ten
    return None


def recordings(clips: dict, strings: list, rng) -> dict[str, tuple[list, list]]:
    """Title -> (truth, waves) of recordings: single clips, and `strings` joined from them."""

    def singles(speakers):
        return [((digit,), wave) for who in speakers for digit in range(10) for wave in clips[who][digit]]

    waves = []
    for string in strings:
        takes = [clips[VOICE][digit] for digit in string]
        waves.append(joined(rng, [take[rng.integers(len(take))] for take in takes], (0.04, 0.16), -65.0))
    rows = {
        f"digits, {VOICE}": singles([VOICE]),
        "digits, others": singles([speaker for speaker in clips if speaker != VOICE]),
        f"strings, {VOICE}": zip(strings, waves, strict=True),
    }
    return {title: tuple(zip(*pairs, strict=True)) for title, pairs in rows.items()}


def spoken(run: str, strings: list) -> tuple[list, AudioConfig]:
    """The `Speech` of strings by a run, and the run's audio settings."""
    synthesizer = kerasapp.load(run)
    config = synthesizer.task.config
    if config.data.directory != digits.NAME:
        raise SystemExit(f"{run}: was trained on {config.data.directory}, not on {digits.NAME}")
    texts = [" ".join(digits.WORDS[digit] for digit in string) for string in strings]
    return synthesizer.synthesize(texts), config.audio


def model_of(options) -> keras.Model:
    """The recogniser of --weights, or a new one."""
    if options.weights and options.weights.exists():
        return keras.models.load_model(options.weights, compile=False)
    clips = read_clips(options.fsdd, lambda speaker: OF_VOICE if speaker == VOICE else OF_OTHERS)
    model = trained(clips, options.minutes, options.seed)
    if options.weights:
        model.save(options.weights)
    return model


def main() -> None:
    options = parsed()
    threads.run_side_by_side()
    rng, speeches, settings = np.random.default_rng(options.seed), [], None
    model, strings = model_of(options), unseen(options.strings, rng)
    parts = recordings(read_clips(options.fsdd, lambda speaker: HELD_OUT), strings, rng)
    if options.run:
        speeches, settings = spoken(options.run, strings)
        parts[SYNTHESISED] = strings, [soxr.resample(s.audio, s.sample_rate, RATE) for s in speeches]
    table = Table("", "clips", "digits", "accuracy", "exact", "stop token", "aligned")
    misread = Table("misread", "said", "heard")
    for title, (truth, waves) in parts.items():
        found = heard(model, waves)
        wrong, count = errors(truth, found), sum(map(len, truth))
        shares = [1 - wrong.sum() / count, np.mean(wrong == 0)]
        if title == SYNTHESISED:
            states = [(speech.stop_reason == "stop_token", speech.aligned) for speech in speeches]
            shares += np.mean(states, axis=0).tolist()
        table.add_row(title, f"{len(truth)}", f"{count}", *(f"{share:.1%}" for share in shares))
        for i in np.flatnonzero(wrong):
            misread.add_row(title, *(" ".join(map(str, string)) for string in (truth[i], found[i])))
    Console().print(table, misread)
    if options.worst:  # `wrong` is that of the run, which comes last
        worst = max(range(len(wrong)), key=lambda i: (wrong[i], -speeches[i].sharpness))
        shown = {name: getattr(speeches[worst], name) for name in ("mel", "alignment", "tokens", "stop")}
        scale = {"hop_seconds": settings.hop_seconds, "mel_frequencies": settings.mel_frequencies}
        plots_audio.synthesis(options.worst, **shown, **scale)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fsdd", type=Path, required=True, help="the folder of recordings")
    parser.add_argument("--run", help="a run folder or an export; without it only recordings are tested")
    parser.add_argument("--minutes", type=float, default=4.0, help="processor time of the training")
    parser.add_argument("--strings", type=int, default=200, help="a multiple of ten")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst", type=Path, help="PNG file to write: the string with most errors")
    parser.add_argument("--weights", type=Path, help="the recogniser, FILE.keras: written if missing")
    options = parser.parse_args()
    if options.strings <= 0 or options.strings % 10 or (options.worst and not options.run):
        parser.error("--strings takes a multiple of ten, and --worst needs --run")
    return options


if __name__ == "__main__":
    main()
