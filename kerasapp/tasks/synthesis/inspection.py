"""What a voice does with sentences, as the contents of a report."""

import base64
import io

import numpy as np

from kerasapp.inspection.packing import pack
from kerasapp.inspection.request import readable
from pipelines.speech.paragraphs import split_sentences

ROOM = 1_800_000  # characters of a report that sentences may take
TITLE = "how it reads aloud"
PROGRESS = "reading aloud"
FLAG = "text"
SCRIPTS = ("packed.js", "shown.js", "charts.js", "speech.js", "synthesis.js")


def choose(synthesizer, request):
    """The sentences of a `Request` that the model can read."""
    sentences = split_sentences(request.text) if request.path else [request.text]
    return readable(synthesizer, request, sentences)


def inspect(synthesizer, sentences, progress=None):
    """Speech of sentences, and which character was read when, for page/synthesis.js.

    It has as many sentences, from the first on, as there is room for; "left_out" is the number of the others.
    A first sentence that is too long comes without its sound.
    """
    answers = synthesizer.synthesize(sentences, progress=progress)
    audio = synthesizer.task.config.audio
    found, room = [], ROOM
    for text, speech in zip(sentences, answers, strict=True):
        spoken = _sentence(text, speech)
        size = len(spoken["sound"]) + len(spoken["mel"]["data"]) + len(spoken["alignment"]["data"])
        if size > room and not found:
            spoken["sound"] = ""
        elif size > room:
            break
        room -= size
        found.append(spoken)
    return {
        "task": "synthesis",
        "audio": {"f_min": audio.f_min, "f_max": audio.f_max or audio.sample_rate / 2},
        "sentences": found,
        "left_out": len(sentences) - len(found),
    }


def _sentence(text, speech):
    least, greatest = float(speech.mel.min()), float(speech.mel.max())
    levels = np.rint((speech.mel - least) / max(greatest - least, 1e-6) * 255)  # [frames, mels]
    return {
        "text": text,
        "tokens": speech.tokens,
        "seconds": round(speech.seconds, 4),
        "mel": pack(levels.astype(np.uint8)),
        "least": least,
        "greatest": greatest,
        "alignment": pack(np.rint(speech.alignment * 255).astype(np.uint8)),  # [steps, tokens]
        "stop": speech.stop.astype(float).round(4).tolist(),
        "stop_reason": speech.stop_reason,
        "coverage": round(speech.coverage, 4),
        "aligned": speech.aligned,
        "left_out": speech.left_out,
        "sound": _wav(speech),
    }


def _wav(speech):
    """The sound as a WAV file of 16 bits, in base64."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, speech.audio, speech.sample_rate, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
