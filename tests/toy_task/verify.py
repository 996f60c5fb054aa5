"""What `kerasapp verify` asks."""

from kerasapp.verify.outcomes import Outcome, text_of

WORTH = None


def deciphered(row):
    text = text_of(row["plain"])
    return Outcome(text, {"plain": text}, {}, len(text))


OUTCOMES = {"decipher": deciphered, "serving_default": deciphered}


def stored(outputs):
    return Outcome(outputs["plain"], {"plain": outputs["plain"]})


def asked(settings, origin):
    return {}


def drawn(task, count):
    return ["abc xyz"[: 1 + i % 7] for i in range(count)]


def held_out(task, split, count, scored):
    secrets = [secret for secret, _ in task.corpus.pairs[split][:count]]
    return {"texts": secrets, "references": None, "scored": []}


def figures(answered):
    return {}


def shown(figures):
    return ""
