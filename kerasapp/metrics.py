"""Figures of whole outputs: translations, by the libraries that people compare with, spectrograms, and
forecasts."""

import math
import unicodedata

import numpy as np
import scipy.fft
from sacrebleu.metrics import BLEU, CHRF
from scipy.spatial.distance import cdist

SHORT = 8  # words of a sentence that is short


def translation_scores(hypotheses, references):
    """BLEU and chrF of sacrebleu, over a whole corpus.

    BLEU counts words as sacrebleu's tokenizer "13a" cuts them; in references of mostly Chinese characters
    each of these is a word ("zh"), in Japanese and Thai each character ("char").

    Args:
        hypotheses, references: lists of strings of one length, at least one.

    Returns: {"bleu", "chrf"} from 0 to 100, and BLEU's "signature", which says how it was counted.

    Papers: Papineni et al. 2002; Popović 2015; Post 2018, arXiv:1804.08771.
    """
    bleu = BLEU(tokenize=_tokenizer(references), effective_order=False)
    score = bleu.corpus_score(hypotheses, [references]).score
    chrf = CHRF().corpus_score(hypotheses, [references]).score
    return {"bleu": score, "chrf": chrf, "signature": str(bleu.get_signature())}


def exact_scores(texts, references):
    """How many texts are exactly what they should be, character by character.

    The length of a reference is its words between spaces; of texts of mostly Chinese, Japanese or Thai, which
    has none, its characters but for the spaces.

    Args:
        texts, references: lists of strings of one length, at least one.

    Returns: {"exact": share of all; "exact_to_8_words": of references of up to `SHORT`, None where there are
        none; "exact_by_words": words, as a string -> {"exact": share, "items": how many there are}, the
        shortest first}, with "characters" in place of "words" where these are counted.
    """
    unit = "words" if _tokenizer(references) == "13a" else "characters"
    found = {}
    for text, reference in zip(texts, references, strict=True):
        words = reference.split()
        found.setdefault(len(words) if unit == "words" else sum(map(len, words)), []).append(
            text == reference
        )
    short = [hit for length, hits in found.items() if length <= SHORT for hit in hits]
    return {
        "exact": float(np.mean([hit for hits in found.values() for hit in hits])),
        f"exact_to_{SHORT}_{unit}": float(np.mean(short)) if short else None,
        f"exact_by_{unit}": {
            str(length): {"exact": float(np.mean(hits)), "items": len(hits)}
            for length, hits in sorted(found.items())
        },
    }


def _tokenizer(references):
    letters = [c for line in references[:1000] for c in line if c.isalpha()]
    names = [unicodedata.name(c, "").split(" ")[0] for c in letters]
    if names.count("HIRAGANA") + names.count("KATAKANA") + names.count("THAI") > 0.2 * len(names):
        return "char"
    return "zh" if names.count("CJK") > 0.3 * len(names) else "13a"


def mel_l1(a, b):
    """Mean distance of two spectrograms in nats a channel, along the best path of dynamic time warping.

    Args:
        a, b: log-mels [frames, mels], natural logarithms; at least one frame each.

    Returns: float, 0 where one is the other at another speed.
    """
    return _warped_mean(cdist(a, b, "cityblock") / np.shape(a)[1])


def mel_cepstral_distortion(a, b, coefficients=13):
    """Mel-cepstral distortion in dB (Kubichek 1993), the mean along the best path of dynamic time warping.

    A frame's cepstrum c is that of its log power on the mel scale, ln power(m) = c_0 + 2 sum_d c_d cos(pi d
    (m + 1/2) / mels), and the distance of two frames 10 / ln 10 sqrt(2 sum_d (c_d - c'_d)^2): how far, as a
    root mean square over the mel scale, the smoothed spectra lie apart. Loudness, c_0, does not count.

    Args:
        a, b: log-mels [frames, mels], natural logarithms of amplitudes; at least one frame each.
        coefficients: how many count, from c_1 on.
    """
    return _warped_mean(
        10 / math.log(10) * math.sqrt(2) * cdist(*(_cepstra(x, coefficients) for x in (a, b)))
    )


def _cepstra(mel, coefficients):
    """c_1, c_2 ... of each frame [frames, coefficients]."""
    log_power = 2 * np.asarray(mel, np.float64)
    orthonormal = scipy.fft.dct(log_power, norm="ortho")[:, 1 : coefficients + 1]
    return orthonormal / math.sqrt(2 * log_power.shape[1])


def _warped_mean(costs):
    """Mean cost [rows, columns] on the path from the first corner to the last whose sum is the least.

    A step goes on by one row, one column, or both (Sakoe & Chiba 1978). Cells of one antidiagonal do not
    depend on each other: they are computed at once.
    """
    rows, columns = costs.shape
    sums, steps = np.full([rows + 1, columns + 1], np.inf), np.zeros([rows + 1, columns + 1], int)
    sums[0, 0] = 0.0
    for diagonal in range(2, rows + columns + 1):
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([i - 1, i - 1, i]), np.stack([j - 1, j, j - 1])  # [3, cells]
        best = np.argmin(sums[before], axis=0), np.arange(len(i))
        sums[i, j] = costs[i - 1, j - 1] + sums[before][best]
        steps[i, j] = 1 + steps[before][best]
    return float(sums[rows, columns] / steps[rows, columns])


def crps(samples, observed):
    """Continuous ranked probability score of a forecast by samples: mean |x - y| - mean |x - x'| / 2, the
    second mean over all pairs of two samples, so that their number does not change the expectation.

    Papers: Matheson & Winkler 1976; Gneiting & Raftery 2007; for few samples Ferro 2014.

    Args:
        samples: [samples, ...], two at least. observed: [...], what came.

    Returns: float64 [...], in the unit of the values; 0 is best, and of a single value the absolute error.
    """
    samples, observed = np.sort(np.asarray(samples, np.float64), axis=0), np.asarray(observed, np.float64)
    count = len(samples)
    # Of n sorted values, the sum over all pairs of |x - x'| is sum_i (2 i - n + 1) x_i, i from 0.
    weights = (2.0 * np.arange(count) - count + 1).reshape(-1, *[1] * observed.ndim)
    spread = np.sum(weights * samples, axis=0) / (count * (count - 1))
    return np.mean(np.abs(samples - observed), axis=0) - spread
