"""What `kerasapp verify` asks of a voice, and what it makes of the answers."""

import numpy as np

from kerasapp.verify.inputs import random_texts, spread
from kerasapp.verify.outcomes import Outcome, floats, text_of
from kerasapp.verify.worth import Worth

WORTH = Worth("mcd_db", "mel-cepstral distortion", 0.01, 0.02, "utterances", 20)


def synthesized(row):
    """The `Outcome` of a row of the signature `synthesize`."""
    frames, steps, tokens = int(row["frames"]), int(row["steps"]), [text_of(t) for t in row["tokens"]]
    characters = sum(map(bool, tokens))
    mel = floats(row["mel"])[:frames]
    reason = text_of(row["stop_reason"])
    exact = {"frames": frames, "stop_reason": reason, "left_out": int(row["left_out"])}
    alignment = floats(row["alignment"])[:steps, :characters]
    return spoken(exact, mel, alignment, stop=floats(row["stop"])[:steps])


def spoken(exact, mel, alignment, **numbers):
    """The `Outcome` of a text read aloud. Its wave is left out: Griffin-Lim makes a thousandth of full scale
    of the last bits of a spectrogram."""
    text = f"{exact['frames']} frames, ended by {exact['stop_reason']}"
    numbers |= {"mel": mel, "frame_means": mel.mean(axis=1), "alignment": alignment}
    return Outcome(text, exact, numbers, exact["frames"])


OUTCOMES = {"synthesize": synthesized}


def stored(outputs):
    """The `Outcome` in a bundle's test vector."""
    exact = {name: outputs[name] for name in ("frames", "stop_reason")}
    return Outcome(f"{outputs['frames']} frames", exact, {"frame_means": floats(outputs["frame_means"])})


def asked(settings, origin):
    """The knobs of texts that are not test vectors: letters at random can go on for long."""
    return {"max_ratio": 0.1} if origin == "drawn" else {}


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
    from kerasapp.tasks.synthesis.metrics import mel_cepstral_distortion, mel_l1  # needs SciPy

    recorded = [(one, item.reference) for item, one, _ in answered if item.reference is not None]
    against = "recordings" if recorded else "keras"
    pairs = recorded or [(one, other.numbers["mel"]) for _, one, other in answered]
    pairs = [(one, one.numbers["mel"], wanted) for one, wanted in pairs]
    return {
        "mcd_db": float(np.mean([mel_cepstral_distortion(mel, wanted) for _, mel, wanted in pairs])),
        "mel_l1": float(np.mean([mel_l1(mel, wanted) for _, mel, wanted in pairs])),
        "stop_errors": sum(one.exact["stop_reason"] != "stop_token" for one, *_ in pairs),
        "utterances": len(pairs),
        "against": against,
    }


def shown(figures):
    """The figures in words."""
    told = f"{figures['mcd_db']:.3f} dB, L1 {figures['mel_l1']:.4f} to {figures['against']}"
    return f"{told}, {figures['stop_errors']} stop errors"
