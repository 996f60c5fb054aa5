"""A bundle of `cipher`: the runtime for `kerasapp_lite`, and how `kerasapp verify` asks it."""

import numpy as np

from kerasapp_lite.knobs import filled
from kerasapp_lite.tasks import Task, argument

SIGNATURES = ("decipher",)


class PhoneDecipherer:
    """Reads letter by letter, without TensorFlow."""

    def __init__(self, bundle):
        self._knobs, self._read = bundle.knobs, bundle.signature("read")

    def decipher(self, secret, **knobs):
        text = secret[: filled(self._knobs, knobs)["limit"]]
        return "".join(chr(self._letter(ord(letter))) for letter in text)

    def _letter(self, code):
        return 1 + int(
            self._read(ids=np.array([code if code < 128 else 0], np.int32))["logits"][0, 1:].argmax()
        )


def run(decipherer, args, knobs):
    print(decipherer.decipher(args.text, **knobs))


TASK = Task(
    name="cipher",
    command="decipher",
    summary="read a secret text",
    example="saved_models/rot13/1/tflite uryyb",
    runtime="toy_task.phone:PhoneDecipherer",
    run="toy_task.phone:run",
    arguments=(argument("text", metavar="TEXT"),),
)


def open_bundle(bundle):
    from kerasapp.verify.outcomes import Outcome

    decipherer = PhoneDecipherer(bundle)

    def answer(item):
        knobs = dict(item.inputs)
        plain = decipherer.decipher(knobs.pop("secret"), **knobs)
        return Outcome(plain, {"plain": plain}, {}, len(plain))

    return answer
