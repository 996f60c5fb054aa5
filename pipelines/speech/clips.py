"""Clips as characters and log-mel spectrograms, and rows of them as a batch for a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.text.sequences import Sequences

PADDING = -100.0  # in targets and in "mel_in", beyond a row's end
LIMIT = 8.0  # of normalised log-mels, in both directions: none comes near PADDING
_GUIDE = 0.2  # g of Tachibana et al.

Batch = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


class Clips:
    """Tokens and log-mels of the clips of one split.

    Args:
        tokens: of the transcripts.
        mels: the log-mels of each shard, [frames, mels].
        locations: int64 [clips, 3]: shard, first frame there, number of frames.
        statistics: "mean" and "deviation" of each mel channel, [mels].
        floor: the least value of a log-mel, in nats.

    Attributes:
        token_lengths: int32 [clips], without an end token.
        frame_lengths: int32 [clips].
    """

    def __init__(
        self,
        tokens: Sequences,
        mels: Sequence[np.ndarray],
        locations: np.ndarray,
        statistics: Mapping[str, np.ndarray],
        floor: float,
    ):
        self._tokens, self._mels, self._locations = tokens, mels, locations
        self._mean, self._deviation = statistics["mean"], statistics["deviation"]
        self._silence = self._normalised(np.full_like(self._mean, floor))  # [mels]
        self.token_lengths = tokens.lengths
        self.frame_lengths = np.asarray(locations[:, 2], np.int32)

    def __len__(self) -> int:
        return len(self.frame_lengths)

    @property
    def mels(self) -> int:
        """The number of mel channels."""
        return len(self._mean)

    def mel(self, index: int) -> np.ndarray:
        """The log-mel of a clip, float32 [frames, mels], in nats."""
        shard, start, frames = self._locations[index].tolist()
        return np.asarray(self._mels[shard][start : start + frames])

    def _normalised(self, mel: np.ndarray) -> np.ndarray:
        return np.clip((mel - self._mean) / self._deviation, -LIMIT, LIMIT, dtype=np.float32)

    def steps(self, reduction: int) -> np.ndarray:
        """int32 [clips]: decoder steps of `reduction` frames, one per group of frames and one for a group of
        silence at the end."""
        return -(-self.frame_lengths // reduction) + 1

    def rows(self, indices: np.ndarray, reduction: int, guide: float = 0.0) -> Batch:
        """The clips `indices` [n] as a batch for a model; tokens are padded with 0, all else with `PADDING`.

        Log-mels are normalised: deviations from the mean of each channel, clipped to `LIMIT`. Below, s is the
        longest row of tokens, t the largest number of decoder steps.

        Args:
            reduction: r, the frames of a decoder step.
            guide: weight of the guided attention.

        Returns:
            Inputs: "tokens" int32 [n, s], each row ends in the end token; "mel_in" float32 [n, t, mels], the
            last frame of the group before, zeros at the first step.

            Targets, float32: "mel_out" [n, t * r, mels], the clip, then silence up to the end of its last
            group and for one group more; "stop" [n, t], 1 at these two groups and 0 before; "alignment" [n,
            t, s], `guide` times `guided_attention`.
        """
        steps = self.steps(reduction)[indices]
        most = steps.max(initial=1)
        mel_out = np.full([len(indices), most * reduction, self.mels], PADDING, np.float32)
        for row, (index, count) in enumerate(zip(indices, steps, strict=True)):
            mel = self._normalised(self.mel(index))
            mel_out[row, : len(mel)] = mel
            mel_out[row, len(mel) : count * reduction] = self._silence
        positions = np.arange(most)
        padding = positions >= steps[:, None]  # [n, t]
        mel_in = np.zeros([len(indices), most, self.mels], np.float32)
        mel_in[:, 1:] = mel_out[:, reduction - 1 :: reduction][:, :-1]
        mel_in[padding] = PADDING
        stop = np.where(positions >= steps[:, None] - 2, np.float32(1), np.float32(0))
        stop[padding] = PADDING
        tokens = self._tokens.rows(indices)
        alignment = np.zeros([len(indices), most, tokens.shape[1]], np.float32)
        if guide:
            alignment[:] = guide * guided_attention(self.token_lengths[indices] + 1, steps)
        inputs = {"tokens": tokens, "mel_in": mel_in}
        return inputs, {"mel_out": mel_out, "stop": stop, "alignment": alignment}


def guided_attention(tokens: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The cost of attention off the diagonal, 1 - exp(-(s / S - t / T)² / 2g²) with g = 0.2.

    Tachibana et al. 2018, arXiv:1710.08969.

    Args:
        tokens: [n], S of each row.
        steps: [n], T of each row.

    Returns:
        float32 [n, most steps, most tokens], 0 in padding.
    """
    along, down = np.arange(tokens.max(initial=1)), np.arange(steps.max(initial=1))
    text, sound = along / tokens[:, None], down / steps[:, None]  # [n, s], [n, t]
    distance = (text[:, None, :] - sound[:, :, None]).astype(np.float32)  # [n, t, s]
    inside = (down < steps[:, None])[:, :, None] & (along < tokens[:, None])[:, None, :]
    return np.where(inside, 1 - np.exp(-(distance**2) / (2 * _GUIDE**2)), np.float32(0))
