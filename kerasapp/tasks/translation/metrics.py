"""How good translations are, by sacreBLEU."""

import unicodedata

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

SHORT = 8  # words of a sentence that is short
# Scripts without spaces between words, as Unicode names them, except Chinese. Where a script is none of them,
# more letters per word than `LONGEST_WORDS` tell the same.
UNSPACED = {
    "HIRAGANA",
    "KATAKANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "TIBETAN",
    "JAVANESE",
    "BALINESE",
    "TAI",
}
LONGEST_WORDS = 20


def translation_scores(hypotheses, references):
    """BLEU and chrF of sacrebleu, over a whole corpus.

    BLEU counts words as sacrebleu's tokenizer "13a" cuts them; in references of mostly Chinese characters
    each of these is a word ("zh"), and in other scripts without spaces, such as Japanese and Thai, each
    character ("char").

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

    The length of a reference is its words between spaces; of texts in a script that has none, such as
    Chinese, Japanese and Thai, its characters but for the spaces.

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
    words = [word for line in references[:1000] for word in line.split()]
    letters = [c for word in words for c in word if c.isalpha()]
    names = [unicodedata.name(c, "").split(" ")[0] for c in letters]
    if sum(name in UNSPACED for name in names) > 0.2 * len(names):
        return "char"
    if names.count("CJK") > 0.3 * len(names):
        return "zh"
    return "char" if len(letters) > LONGEST_WORDS * len(words) else "13a"
