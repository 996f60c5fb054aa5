"""How sound becomes a log-mel spectrogram and a spectrogram sound: every parameter, with its unit."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from kerasapp.config.checks import Range, Rate, Section
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class AudioConfig(Section):
    """How clips are read, how loud they are made, and what their spectrograms are.

    The functions of pipelines/speech/audio.py and pipelines/speech/griffin_lim.py take it as `settings`.

    Example:
        >>> audio = AudioConfig(sample_rate=8000, mels=64, f_max=4000)
        >>> audio.window, audio.hop, audio.fft_size
        (400, 100, 512)
    """

    name: ClassVar[str] = "audio"

    sample_rate: Annotated[int, Range(least=1000, most=192_000)] = 22_050
    """Samples per second, Hz; clips are resampled to it"""

    window_ms: Annotated[float, Range(above=0, most=1000)] = 50.0
    """Length of a frame, ms: longer resolves pitch better, shorter resolves time better"""

    hop_ms: Annotated[float, Range(above=0, most=1000)] = 12.5
    """From the start of a frame to the start of the next one, ms"""

    mels: Annotated[int, Range(least=2, most=1024)] = 80
    """Bands of the mel spectrogram"""

    f_min: Annotated[float, Range(least=0)] = 0.0
    """Lower edge of the lowest band, Hz"""

    f_max: Annotated[float, Range(above=0)] | None = 8000.0
    """Upper edge of the highest band, Hz; null: half of audio.sample_rate"""

    floor_db: Annotated[float, Range(least=-200, below=0)] = -100.0
    """The quietest a band can be, dB below a sine of amplitude 1; what is quieter counts as this"""

    trim_db: Annotated[float, Range(least=0, most=200)] = 40.0
    """The ends of a clip are cut off if they are this much quieter than its loudest moment, dB, or are even
    noise at least 12 dB quieter; 0: no cut"""

    padding_ms: Annotated[float, Range(least=0, most=1000)] = 20.0
    """Silence that the cut leaves at either end, ms"""

    loudness_db: Annotated[float, Range(least=-80, most=0)] | None = -23.0
    """Root mean square that each clip is brought to, dB below full scale (amplitude 1), the quiet ends not
    counted; less where its peak would pass 0.99. Null: as recorded"""

    griffin_lim_iterations: Annotated[int, Range(least=0, most=10_000)] = 60
    """Iterations of the search for the phases of a spectrogram: more are slower and better"""

    griffin_lim_momentum: Rate = 0.99
    """Momentum of that search; 0 is the original method of Griffin and Lim"""

    def __post_init__(self):
        super().__post_init__()
        half = self.sample_rate / 2
        if self.f_top > half:
            raise ConfigError(
                f"audio.f_max: {self.f_max:g} Hz is above {half:g}, the highest that audio.sample_rate has"
            )
        if self.f_min >= self.f_top:
            raise ConfigError(f"audio.f_min: {self.f_min:g} Hz is not below audio.f_max, {self.f_top:g} Hz")
        if self.hop < 1:
            raise ConfigError(f"audio.hop_ms: {self.hop_ms:g} is not one sample at {self.sample_rate} Hz")
        if self.hop_ms >= self.window_ms or self.hop >= self.window:
            raise ConfigError(
                f"audio.window_ms: {self.window_ms:g} is not above audio.hop_ms, {self.hop_ms:g}"
            )
        self._check_bands()

    def _check_bands(self):
        """Raises ConfigError where a triangular filter of the mel bank lies between two bins of the FFT."""
        edges = mel_edges(self.f_min, self.f_top, self.mels)
        width = self.sample_rate / self.fft_size
        for band, (lower, upper) in enumerate(zip(edges, edges[2:])):
            first = math.floor(lower / width) + 1  # the lowest bin above the lower edge: never 0 Hz
            if first * width >= upper:
                raise ConfigError(
                    f"audio.mels: {self.mels} is too many between audio.f_min and audio.f_max: band {band}, "
                    f"{lower:.1f} to {upper:.1f} Hz, has none of the FFT's bins, {width:.1f} Hz apart; take "
                    "fewer, or a longer audio.window_ms"
                )

    @property
    def f_top(self) -> float:
        """Upper edge of the highest band, Hz: f_max, or half of the sample rate."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return round(self.sample_rate * self.hop_ms / 1000)

    @property
    def window(self) -> int:
        """Samples in a frame; where window_ms is a whole multiple of hop_ms, the same multiple of `hop`."""
        ratio = self.window_ms / self.hop_ms
        if abs(ratio - round(ratio)) < 1e-6:
            return round(ratio) * self.hop  # frames of whole hops are cut and added up several times faster
        return round(self.sample_rate * self.window_ms / 1000)

    @property
    def fft_size(self) -> int:
        """Length of the Fourier transform: the least power of two that holds a window."""
        return 2 ** max(0, self.window - 1).bit_length()

    @property
    def hop_seconds(self) -> float:
        """Seconds from frame to frame, exactly."""
        return self.hop / self.sample_rate

    @property
    def mel_frequencies(self) -> list[float]:
        """Hz where each band peaks, from the lowest."""
        return mel_edges(self.f_min, self.f_top, self.mels)[1:-1]


def mel_edges(lowest: float, highest: float, mels: int) -> list[float]:
    """Hz where the bands of a mel bank begin, peak and end, mels + 2 of them, at equal distances on the mel
    scale, from `lowest` to `highest` Hz."""
    low, high = (1127 * math.log1p(hertz / 700) for hertz in (lowest, highest))
    step = (high - low) / (mels + 1)
    return [700 * math.expm1((low + step * i) / 1127) for i in range(mels + 2)]
