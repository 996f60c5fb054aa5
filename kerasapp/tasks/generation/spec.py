"""What text generation is (see `kerasapp.spec`)."""

from kerasapp.knobs import INT32, Knob
from kerasapp.spec import Quickstart, Stream, TaskSpec, modules

HERE = "kerasapp.tasks.generation"

SPEC = TaskSpec(
    name="generation",
    command="generate",
    summary="continue a text with a trained language model",
    signature="generate",
    work=("length",),
    input="prompt",
    unit="token",
    knobs=(
        Knob("length", int, 200, 0, 1_000_000, "tokens to generate, characters or subwords"),
        Knob("temperature", float, 0.8, 0, 100, "0 takes the likeliest token, 1 samples from the model", "T"),
        Knob("top_k", int, 0, 0, INT32[1], "keep the K likeliest tokens; 0 for all", "K"),
        Knob("top_p", float, 1.0, 0, 1, "keep the likeliest tokens that together reach P; 1 for all", "P"),
        Knob("seed", int, 0, *INT32, "the same seed gives the same text", "S"),
        Knob("stop", str, "", help=r"end the text before TEXT; \n is a line break", metavar="TEXT"),
    ),
    files=("tokenizer.json",),
    evaluation=(
        Knob("streams", int, 1, 1, 1024, "pieces that are read side by side: faster, a little less exact"),
    ),
    quickstart=Quickstart(
        preset="tinyshakespeare",
        answers=(("generate", "{run}", "--prompt", "ROMEO:", "--length", "300"),),
        request={"instances": ["ROMEO:", "JULIET:"]},
    ),
    stream=Stream(("tokenize", "prefill", "sample", "detokenize"), f"{HERE}.stream:generate", "sample_many"),
    modules=modules(
        HERE,
        "config task:Generation answers:GenerationAnswers predictor:TextGenerator",
        "command verify tflite phone inspection",
    ),
)
