"""What the task `cipher` is."""

from kerasapp.knobs import Knob
from kerasapp.spec import TaskSpec, modules

SPEC = TaskSpec(
    name="cipher",
    command="decipher",
    summary="read a secret text",
    signature="decipher",
    input="secret",
    unit="character",
    knobs=(Knob("limit", int, 100, 1, 500, "characters to read at most"),),
    files=("alphabet.json",),
    modules=modules(
        "toy_task",
        "config task:Cipher answers:CipherAnswers predictor:Decipherer command verify tflite phone",
    ),
)
