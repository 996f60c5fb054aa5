"""What translation is (see `kerasapp.spec`)."""

from pathlib import Path

from kerasapp.knobs import Knob
from kerasapp.spec import Quickstart, Stream, TaskSpec, modules

HERE = "kerasapp.tasks.translation"
BEAM_SIZE = Knob("beam_size", int, 4, 1, 64, "hypotheses kept at each step; 1 is greedy, and fastest")

SPEC = TaskSpec(
    name="translation",
    command="translate",
    summary="translate a sentence, or a file of any size",
    signature="translate",
    work=("beam_size", "max_ratio", "source"),
    input="source",
    unit="token",
    knobs=(
        BEAM_SIZE,
        Knob("length_penalty", float, 1.0, 0, 10, "more gives longer translations", "A"),
        Knob("coverage_penalty", float, 0.0, 0, 10, "more leaves out fewer words of the source", "B"),
        Knob("n_best", int, 1, 1, 64, "the N best translations of each sentence", at_most="beam_size"),
        Knob("min_ratio", float, 0.0, 0, 100, "least tokens per source token", "R", at_most="max_ratio"),
        Knob("max_ratio", float, 2.0, 0, 100, "most tokens per source token; a few more are allowed", "R"),
    ),
    files=("source_tokenizer.json", "target_tokenizer.json"),
    evaluation=(
        BEAM_SIZE,
        Knob("output", Path, None, help="write the translations, one per line", metavar="FILE"),
    ),
    quickstart=Quickstart(
        preset="tatoeba-zh-en",
        minutes=5,
        answers=(
            ("translate", "{run}", "我很高兴。", "--alignment-plot", "{run}/alignment.png"),
            ("translate", "{run}", "你叫什么名字？", "--n-best", "3"),
        ),
        request={"instances": ["我很高兴。", "火车站在哪里？"]},
    ),
    stream=Stream(
        ("tokenize", "encode", "greedy", "detokenize"),
        f"{HERE}.stream:translate",
        "greedy_many",
        ("min_ratio", "max_ratio"),
    ),
    more_commands={
        "embed": ("turn sentences into vectors, and find the nearest ones", f"{HERE}.embed"),
    },
    modules=modules(
        HERE,
        "config task:Translation answers:TranslationAnswers predictor:Translator",
        "command verify tflite phone inspection",
    ),
)
