"""Speech synthesis: frames until the model stops, refined by the postnet, then turned into sound."""

import math
from typing import NamedTuple

import numpy as np

from kerasapp_lite import english
from kerasapp_lite.engines import frozen
from kerasapp_lite.knobs import filled
from kerasapp_lite.sound import mel_to_audio
from kerasapp_lite.vocabulary import END, UNKNOWN, normalise, squeeze


class Speech(NamedTuple):
    """The speech of a text.

    Attributes:
        audio: float32 [samples], between -1 and 1.
        mel: float32 [frames, mels], log-mels.
        alignment: float32 [steps, characters].
        stop_reason: "stop_token", or "cap" at the greatest length.
        left_out: the number of characters of the text that the model does not know.
    """

    audio: np.ndarray
    mel: np.ndarray
    alignment: np.ndarray
    stop_reason: str
    left_out: int


class Synthesizer:
    """Reads texts aloud.

    Args:
        bundle: a `Bundle` of the task "synthesis".
    """

    def __init__(self, bundle):
        self.metadata, self.audio = bundle.metadata, bundle.metadata["audio"]
        self.vocabulary = bundle.vocabulary("vocabulary")
        self._bundle, self.states, self._knobs = bundle, bundle.states, bundle.knobs
        self._encode, self._step, self._postnet = map(bundle.signature, ("encode", "step", "postnet"))

    def synthesize(self, text, **knobs):
        """The `Speech` of a text.

        Args:
            text: see `ids`.
            max_ratio: seconds per character, at most; one second is added.
            stop_threshold: the probability of the stop token that ends the speech.
            window: above 0, the attention moves at most so many characters forward per step, and at most one
                back. Defaults are in the bundle's metadata.

        Raises:
            ValueError: the text cannot be read aloud, or a knob is unknown or out of range.
        """
        values = filled(self._knobs, knobs)
        ids, left_out = self.ids(text)
        step_seconds = self.metadata["reduction"] * self.audio["hop"] / self.audio["sample_rate"]
        spare = np.float32(self.metadata["limits"]["spare_seconds"])
        seconds = np.float32(values["max_ratio"]) * np.float32(len(ids) - 1) + spare
        cap = math.ceil(seconds / np.float32(step_seconds))
        frames, alignment, stopped = self._speak(ids, cap, values["stop_threshold"], values["window"])
        mel = self._refined(frames)
        reason = "stop_token" if stopped else "cap"
        return Speech(mel_to_audio(mel, self.audio), mel, alignment, reason, left_out)

    def ids(self, text):
        """The ids of a text with the end, and the number of characters, without spaces, that are left out."""
        text = normalise(text, "NFC")
        language = self.metadata["cleaning"]["language"]
        if language != "none":
            text = english.spoken(text, one_by_one=language == "english_digits")
        text = squeeze(normalise(text, self.vocabulary.form))
        known = squeeze("".join(c for c in text if self.vocabulary.ids.get(c, UNKNOWN) != UNKNOWN))
        room = self._bundle.shape("encode", "ids")[1]
        if not known:
            raise ValueError("the text has nothing to read aloud")
        if len(known) >= room:
            raise ValueError(f"the text has {len(known)} characters; at most {room - 1} are read aloud")
        left_out = len(text.replace(" ", "")) - len(known.replace(" ", ""))
        return [*self.vocabulary.encode(known), END], left_out

    def _speak(self, ids, cap, threshold, window):
        """The frames [frames, mels], the alignment [steps, characters], and whether the model stopped."""
        text = np.zeros([1, self._bundle.shape("encode", "ids")[1]], np.int32)
        text[0, : len(ids)] = ids
        memory = self._encode(ids=text, length=np.array([len(ids)], np.int32))
        states = {name: memory.pop(name) for name in self.states}
        memory = frozen(memory)
        mask, position = memory.pop("mask"), 0
        frame = self._bundle.zeros("step", ["frame"])["frame"]
        frames, alignments, stopped = [], [], False
        while len(alignments) < max(cap, 1) and not stopped:
            seen = mask * _near(position, mask.shape[1], window)
            found = self._step(frame=frame, mask=seen, **memory, **states)
            states = {name: found[name] for name in self.states}
            frame = found["frame"]
            frames.append(found["frames"][0])
            alignments.append(found["alignment"][0, : len(ids)])
            position = int(alignments[-1].argmax())
            stopped = found["stop"].item() > threshold
        return np.concatenate(frames), np.array(alignments), stopped

    def _refined(self, frames):
        """The log-mels [frames, mels] of all frames. The postnet reads them in windows that overlap by as
        much as a frame depends on, so the result is that of the whole speech."""
        room = self._bundle.shape("postnet", "frames")[1]
        context, total = self.metadata["postnet_context"], len(frames)
        parts, begin = [], 0
        while begin < total:
            start = max(0, begin - context)
            count = min(room, total - start)
            end = total if start + count == total else start + count - context
            part = np.zeros([1, room, frames.shape[1]], np.float32)
            part[0, :count] = frames[start : start + count]
            mel = self._postnet(frames=part, count=np.array([count], np.int32))["mel"][0]
            parts.append(mel[begin - start : end - start])
            begin = end
        return np.concatenate(parts)


def _near(position, size, window):
    """1 for characters from one before `position` to `window` after it, else 0; all 1 if `window` is 0."""
    distance = np.arange(size) - position
    near = (distance >= -1) & (distance <= window)
    return (near | (window <= 0)).astype(np.float32)
