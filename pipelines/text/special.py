"""The token ids that every vocabulary has, and what an unknown one may stand for. Needs no TensorFlow."""

IDS = {"pad": 0, "unknown": 1, "start": 2, "end": 3}
PAD, UNKNOWN, START, END = IDS.values()
FIRST = len(IDS)  # the id of the first other token
CODE_POINTS = 0x110000 - 0x800  # of Unicode, without surrogates
