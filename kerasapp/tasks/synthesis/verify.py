"""What `kerasapp verify` asks of a voice, and what it makes of the answers."""

import functools
import io
import math
import wave

import numpy as np

from kerasapp.tasks.synthesis.answers import SPARE
from kerasapp.verify.comparison import NEAR_IN_CHAINS
from kerasapp.verify.inputs import AWKWARD, Item, random_texts, spread
from kerasapp.verify.outcomes import Outcome, bytes_of, floats, read_ids, text_of
from kerasapp.verify.worth import Worth

WORTH = Worth("mcd_db", "mel-cepstral distortion", 0.01, 0.02, "utterances", 20)

ONE_MORE = 1.001 / NEAR_IN_CHAINS  # so that one more character that is read is near enough


def synthesized(row):
    """The `Outcome` of a row of the signature `synthesize`."""
    frames, steps, tokens = int(row["frames"]), int(row["steps"]), [text_of(t) for t in row["tokens"]]
    characters = sum(map(bool, tokens))
    mel = floats(row["mel"])[:frames]
    reason = text_of(row["stop_reason"])
    heard = sounding(row)
    exact = {"frames": frames, "stop_reason": reason, "characters": characters, **heard.exact}
    exact |= {name: int(row[name]) for name in ("left_out", "aligned", "samples")}
    exact["tokens"] = tokens[:characters]
    alignment = floats(row["alignment"])[:steps, :characters]
    numbers = {**heard.numbers, "sound": floats(row["waveform"])[: int(row["samples"])]}
    numbers |= {name: floats(row[name]) for name in ("coverage", "sharpness") if name in row}
    found = spoken(exact, mel, alignment, stop=floats(row["stop"])[:steps], **numbers)
    # A character may be just as much as counts as read.
    return found._replace(units={"coverage": ONE_MORE / max(characters, 1)})


def sounding(row):
    """The `Outcome` of a row of `serving_default`: a WAV file and what is told of it."""
    with wave.open(io.BytesIO(bytes_of(row["audio_bytes"]))) as file:
        header = [file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()]
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32767
    exact = {"sample_rate": int(row["sample_rate"]), "header": header}
    return Outcome(f"{len(sound)} samples", exact, {"wav": sound, "seconds": floats(row["seconds"])})


def spoken(exact, mel, alignment, **numbers):
    """The `Outcome` of a text read aloud."""
    text = f"{exact['frames']} frames, ended by {exact['stop_reason']}"
    numbers |= {"mel": mel, "frame_means": mel.mean(axis=1), "alignment": alignment}
    return Outcome(text, exact, numbers, exact["frames"])


def stepwise(run, inputs, specs):
    """A text read aloud by `encode`, `step`, `postnet` and `mel_to_audio`, as `synthesize` does."""
    read = run("tokenize", {"text": inputs["text"]})
    memory = run("encode", {"ids": read["ids"], "lengths": read["lengths"]})
    mels, characters = memory["frame"].shape[1], int(read["lengths"][0])
    silence = run("mel_to_audio", {"mel": np.zeros([1, 4, mels]), "frames": [4]})
    seconds = np.float32(inputs["max_ratio"][0]) * np.float32(characters - 1) + np.float32(SPARE)
    frames, stops, alignment, most = [], [], [], None
    while not stops or (len(stops) < most and stops[-1] <= inputs["stop_threshold"][0]):
        out = run("step", memory)
        memory |= {name: out[name] for name in memory.keys() & out.keys()}
        frames.append(out["frames"][0])
        stops.append(out["stop"][0])
        alignment.append(out["alignment"][0, :characters])
        step_seconds = len(frames[0]) * int(silence["samples"][0]) / 4 / int(silence["sample_rate"][0])
        most = max(1, math.ceil(seconds / np.float32(step_seconds)))
    frames = np.concatenate(frames)
    count = [len(frames)]
    mel = run("postnet", {"frames": frames[np.newaxis], "count": count})["mel"][:, : count[0]]
    reason = "stop_token" if stops[-1] > inputs["stop_threshold"][0] else "cap"
    found = {"frames": count, "steps": [len(stops)], "tokens": [["x"] * characters], "mel": mel}
    found |= {"stop": [stops], "alignment": [np.array(alignment)], "stop_reason": [reason]}
    return {**found, "left_out": read["left_out"], **run("mel_to_audio", {"mel": mel, "frames": count})}


def steps_of(row):
    """The `Outcome` of `stepwise`."""
    found = synthesized({**row, "aligned": 0})
    kept = {name: value for name, value in found.exact.items() if name not in ("aligned", "tokens")}
    return found._replace(exact=kept)


OUTCOMES = {
    "synthesize": synthesized,
    "serving_default": sounding,
    "steps": steps_of,
    "tokenize": read_ids,
}
LOOPS = {"steps": stepwise}


def ported(outputs):
    """The `Outcome` of all that a bundle's test vector has."""
    found = stored(outputs)
    frames = floats([outputs["mel"][place] for place in sorted(outputs["mel"], key=int)])
    return found._replace(
        exact={**found.exact, "read": outputs["read"]}, numbers={**found.numbers, "mel": frames}
    )


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    exact = {name: outputs[name] for name in ("frames", "stop_reason")}
    return Outcome(f"{outputs['frames']} frames", exact, {"frame_means": floats(outputs["frame_means"])})


def asked(settings, origin):
    """The knobs of texts that are not test vectors: letters at random can go on for long."""
    return {"max_ratio": 0.1} if origin == "drawn" else {}


def awkward(task):
    """Texts of every kind, little of which is read aloud; as long as a phone reads, and longer; and one
    within a window."""
    from kerasapp.tasks.synthesis.tflite import LONGEST  # needs TensorFlow

    texts = random_texts(task.tokenizer.tokenizer, 60)
    letters = "".join(letter for text in texts for letter in text if letter.isalpha() and letter.islower())
    known = letters or "".join(texts).replace(" ", "")
    long = [known[: LONGEST - 1], known[: LONGEST + 8]] if len(known) > LONGEST + 8 else []
    texts = (*AWKWARD, "Dr. Smith paid $3.50 on 21st May 1999!", *texts[:2], *long)
    narrow = (known[:16], {"max_ratio": 0.1, "stop_threshold": 1.0, "window": 1})
    return [narrow, *((text, {"max_ratio": 0.0}) for text in texts)]


def varied(i):
    """The knobs of the held-out text number i: a window for every third, dropout for every third."""
    return ({}, {"window": 3}, {"prenet_dropout": 0.3, "seed": i})[i % 3]


def probes(items, settings, signatures):
    """Speech step by step, and the ids of texts."""
    spoken = [item for item in items if item.inputs["text"].strip()]
    plain = [item for item in spoken if not item.inputs["window"] and item.origin != "fixed"][:4]
    found = [Item("synthesis", "steps", item.inputs, "fixed", like=item) for item in plain]
    texts = list(dict.fromkeys(item.inputs["text"] for item in items))[:24]
    return [*found, *(Item("synthesis", "tokenize", {"text": text}, "fixed") for text in texts)]


def likeness(item, found, expected):
    """1 for a spectrogram that is Keras's, 0 for one that is further from it than its mean; 0, too, for a
    sound half as loud, or twice."""
    if "mel" not in found.numbers or "frame_means" not in expected.numbers or "mel" not in expected.numbers:
        return None
    one, other = found.numbers["mel"], expected.numbers["mel"]
    count = min(len(one), len(other), 40)
    away = np.abs(one[:count] - other[:count]).mean() / max(other.std(), 1e-3)
    if "sound" in expected.numbers:
        loud, wanted = (np.sqrt(np.mean(np.square(side.numbers["sound"]))) for side in (found, expected))
        if not 0.5 * wanted - 1e-3 <= loud <= 2 * wanted + 1e-3:
            return 0.0
    return max(0.0, 1.0 - float(away))


LIKE = {"float16": 0.9, "dynamic": 0.7, "int8": 0.5}


def drawn(task, count):
    """Texts of letters at random."""
    return random_texts(task.tokenizer.tokenizer, count)


def held_out(task, split, count, scored):
    """Utterances of a split: {"texts", "references", "scored"} (see `kerasapp.verify.held_out`)."""
    texts, clips = task.corpus.texts(split), task.corpus.split(split)
    rows = spread(len(texts), count)
    mels = [np.asarray(clips.mel(i), np.float32) for i in rows]
    return {"texts": [texts[i] for i in rows], "references": mels, "scored": []}


def figures(answered):
    """The figures of (item, outcome, Keras's outcome): against recordings, or without them against Keras."""
    answered = [row for row in answered if row[0].signature == "synthesize"]
    recorded = [(one, item.reference) for item, one, _ in answered if item.reference is not None]
    against = "recordings" if recorded else "keras"
    pairs = recorded or [(one, other.numbers["mel"]) for _, one, other in answered]
    if not pairs:
        return {}
    mels = [[np.asarray(mel, np.float64) for mel in (one.numbers["mel"], wanted)] for one, wanted in pairs]
    distances = [_distances(*(mel.tobytes() for mel in both), both[0].shape[1]) for both in mels]
    return {
        "mcd_db": float(np.mean([decibel for decibel, _ in distances])),
        "mel_l1": float(np.mean([nats for _, nats in distances])),
        "stop_errors": sum(one.exact["stop_reason"] != "stop_token" for one, _ in pairs),
        "utterances": len(pairs),
        "against": against,
    }


@functools.lru_cache(maxsize=1000)
def _distances(*mels_and_channels):
    """Decibels and nats between two log-mels, float64 as bytes; the same ones are compared in many groups."""
    from kerasapp.tasks.synthesis.metrics import mel_cepstral_distortion, mel_l1  # needs SciPy

    *mels, channels = mels_and_channels
    both = [np.frombuffer(mel).reshape(-1, channels) for mel in mels]
    return mel_cepstral_distortion(*both), mel_l1(*both)


def shown(figures):
    """The figures in words."""
    told = f"{figures['mcd_db']:.3f} dB, L1 {figures['mel_l1']:.4f} to {figures['against']}"
    return f"{told}, {figures['stop_errors']} stop errors"
