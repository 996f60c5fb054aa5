"""Texts of many scripts, signs and controls, for the tests of tokenizers."""

import random

TEXTS = [
    "",
    "To be, or not to be",
    "  two  spaces, ends \n\n\n and lines \n",
    "\r\n\t\x01\x7f",
    "a\x00b",
    "春眠不覺曉，處處聞啼鳥。夜來風雨聲！花落知多少？",
    "café na\u0308ive e\u0301 \u1e9b\u0323",
    "한국어 \u1112\u1161\u11ab हिन्दी ภาษาไทย العربية עברית",
    "😀👨\u200d👩\u200d👧🇨🇳",
    "\ufeffx\ufffd",
    "<s></s><pad><unk><0x41>",
]


def random_texts(count, seed):
    rng = random.Random(seed)
    alphabet = [*"ab \n\r\x00,，！？é\u0301\u0323", "春", "한", "\u1161", "😀", "\u200d", "ß", "ﬁ", "\u2028"]
    return ["".join(rng.choices(alphabet, k=rng.randrange(12))) for _ in range(count)]
