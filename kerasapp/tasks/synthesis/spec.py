"""What speech synthesis is (see `kerasapp.spec`)."""

from kerasapp.knobs import INT32, Knob
from kerasapp.spec import Quickstart, TaskSpec, modules
from pipelines.speech.paragraphs import LONGEST

HERE = "kerasapp.tasks.synthesis"
DIGITS = "four zero nine two seven"

SPEC = TaskSpec(
    name="synthesis",
    command="synthesize",
    summary="read a text aloud, or each line of a file, into WAV files",
    signature="synthesize",
    work=("text",),
    input="text",
    unit="frame",
    knobs=(
        Knob("max_ratio", float, 0.3, 0, 10, "most seconds of speech per character, plus one second", "S"),
        Knob(
            "stop_threshold", float, 0.5, 0, 1, "probability at which speech stops; higher stops later", "P"
        ),
        Knob(
            "window",
            int,
            0,
            0,
            LONGEST,
            "most characters the attention moves per step, and one back; 0: free",
        ),
        Knob("prenet_dropout", float, 0.0, 0, 0.9, "above 0, speech varies by seed", "P", on_phone=False),
        Knob("seed", int, 0, *INT32, "the same seed gives the same speech", "S", on_phone=False),
    ),
    files=("tokenizer.json", "statistics.json"),
    quickstart=Quickstart(
        preset="digits",
        minutes=5,
        answers=(
            ("synthesize", "{run}", DIGITS, "--output", "{run}/speech.wav", "--plot", "{run}/speech.png"),
        ),
        request={"instances": [DIGITS]},
    ),
    modules=modules(
        HERE,
        "config task:Synthesis answers:SynthesisAnswers predictor:Synthesizer",
        "command verify tflite phone inspection",
    ),
)
