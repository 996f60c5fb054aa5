"""Log-mel spectrograms to waves by the fast Griffin-Lim algorithm, and waves to WAV files."""

import wave

import numpy as np

_LOUDEST = 10.0  # nats: a network's spectrogram is clipped there, so that it cannot overflow
_UPDATES = 15  # then the mel sums are met within a thousandth
_LEAST_COVER = 0.01  # the least divisor: only one frame covers the very start of a wave


def mel_to_audio(mel, audio):
    """The wave, float32 [frames * hop], of log-mels, float32 [frames, mels].

    Args:
        audio: the dict of the bundle's audio parameters: "sample_rate", "f_min" and "f_max" in Hz, "window",
            "hop" and "fft_size" in samples, "griffin_lim_iterations", "griffin_lim_momentum".
    """
    return np.clip(griffin_lim(_magnitude(mel, audio), audio), -1.0, 1.0)


def write_wav(file, sound, sample_rate):
    """Writes a wave between -1 and 1 as a WAV file, one channel, 16 bits; `file` is a path or open."""
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(np.round(np.clip(sound, -1.0, 1.0) * 32767).astype("<i2").tobytes())


def griffin_lim(magnitude, audio):
    """The wave whose short-time Fourier transform is closest to `magnitude`, float32 [frames, bins].

    Each iteration gives the phases of the current wave to `magnitude`, and takes the wave that is closest to
    the result. The next one starts beyond that wave, in the direction of the last step. The first phases are
    those of a fixed noise.
    """
    transform = _Transform(len(magnitude), audio)

    def closest(sound):
        spectrum = transform(sound)
        size = np.sqrt(spectrum.real**2 + spectrum.imag**2 + np.float32(1e-20))
        return transform.inverse(spectrum * (magnitude / size))

    sound = before = closest(_noise(len(magnitude) * audio["hop"]))
    momentum = np.float32(audio["griffin_lim_momentum"])
    for _ in range(audio["griffin_lim_iterations"]):
        sound, before = closest(sound + momentum * (sound - before)), sound
    return sound


class _Transform:
    """The short-time Fourier transform under a Hann window, and its inverse. Frame i starts at sample
    i * hop, and zeros follow the wave. Frames are joined from whole hops."""

    def __init__(self, frames, audio):
        self.frames, self.hop, self.fft_size = frames, audio["hop"], audio["fft_size"]
        self.hops = -(-audio["window"] // self.hop)  # in a window
        self.size = self.hops * self.hop
        time = np.arange(audio["window"]) / audio["window"]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * time)  # periodic
        self.window = np.pad(window, (0, self.size - len(window))).astype(np.float32)
        cover = self._overlapped(np.tile(self.window**2, (frames, 1)))
        self.cover = np.maximum(cover, np.float32(_LEAST_COVER))

    def __call__(self, sound):
        """complex64 [frames, bins] of a wave [frames * hop]."""
        hops = np.pad(sound, (0, self.size - self.hop)).reshape(-1, self.hop)  # [frames + hops - 1, hop]
        cut = np.concatenate([hops[i : i + self.frames] for i in range(self.hops)], axis=1) * self.window
        return np.fft.rfft(cut[:, : self.fft_size], self.fft_size)

    def inverse(self, spectrum):
        """The wave whose transform is closest to `spectrum` by least squares."""
        cut = np.fft.irfft(spectrum, self.fft_size)[:, : self.size]
        cut = np.pad(cut, ((0, 0), (0, self.size - cut.shape[1])))
        return self._overlapped(cut * self.window) / self.cover

    def _overlapped(self, cut):
        """The sum, [frames * hop], of windows [frames, size] that start one hop apart."""
        hops = cut.reshape(self.frames, self.hops, self.hop)  # [frames, hops, hop]
        total = np.zeros((self.frames + self.hops - 1, self.hop), np.float32)
        for i in range(self.hops):
            total[i : i + self.frames] += hops[:, i]
        return total[: self.frames].ravel()  # [frames * hop], without what lies beyond


def _noise(samples):
    """Noise between -1 and 1: sample i is a hash of i, "lowbias32" (Wellons, 2018)."""
    value = np.arange(1, samples + 1, dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        value = (value ^ (value >> np.uint32(shift))) * np.uint32(factor)
    return value.astype(np.float32) / np.float32(2.0**31) - np.float32(1)


def _magnitude(mel, audio):
    """Magnitudes [frames, bins] that the mel filters add up to `mel`: found by the multiplicative updates of
    Richardson and Lucy, which keep them positive."""
    bank = mel_bank(mel.shape[1], audio)
    used = np.flatnonzero(bank.any(axis=1))
    first, last = used[0], used[-1]
    inner = bank[first : last + 1]  # [bins, mels]
    spread = (inner / inner.sum(axis=1, keepdims=True)).T
    wanted = np.exp(np.minimum(mel, np.float32(_LOUDEST))) * np.float32(audio["window"] / 4)
    magnitude = (wanted / inner.sum(axis=0)) @ spread
    for _ in range(_UPDATES):
        magnitude = magnitude * ((wanted / np.maximum(magnitude @ inner, np.float32(1e-12))) @ spread)
    return np.pad(magnitude, ((0, 0), (first, len(bank) - 1 - last)))


def mel_bank(mels, audio):
    """The mel filters, float32 [bins, mels]: triangles, linear in mel, that peak at 1, at equal distances on
    the HTK mel scale, 1127 ln(1 + f / 700); 0 Hz has no weight."""

    def scale(hertz):
        return 1127.0 * np.log1p(np.asarray(hertz, np.float64) / 700.0)

    bins = scale(np.linspace(0.0, audio["sample_rate"] / 2, audio["fft_size"] // 2 + 1))[:, None]
    edges = np.linspace(scale(audio["f_min"]), scale(audio["f_max"]), mels + 2)
    lower, peak, upper = edges[:-2], edges[1:-1], edges[2:]
    bank = np.maximum(0.0, np.minimum((bins - lower) / (peak - lower), (upper - bins) / (upper - peak)))
    bank[0] = 0.0
    return bank.astype(np.float32)
