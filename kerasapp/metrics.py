"""Figures of whole outputs, by the libraries that people compare with."""

import unicodedata

from sacrebleu.metrics import BLEU, CHRF


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


def _tokenizer(references):
    letters = [c for line in references[:1000] for c in line if c.isalpha()]
    names = [unicodedata.name(c, "").split(" ")[0] for c in letters]
    if names.count("HIRAGANA") + names.count("KATAKANA") + names.count("THAI") > 0.2 * len(names):
        return "char"
    return "zh" if names.count("CJK") > 0.3 * len(names) else "13a"
