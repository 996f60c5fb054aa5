"""`kerasapp generate`: continues a text with a trained language model."""

import itertools
import sys

from kerasapp.commands import remote
from kerasapp.commands.arguments import Parser, add_knobs, knobs_of, protect_texts, protected_text
from kerasapp.errors import ConfigError, note
from kerasapp.tasks.generation.spec import SPEC
from pipelines.data_report import visible

EPILOG = """examples:
  kerasapp generate runs/tinyshakespeare --prompt "ROMEO:" --length 300
  kerasapp generate saved_models/tinyshakespeare --prompt "To be" --temperature 0.5 --seed 7 --stream
  kerasapp generate runs/mine --prompt "Once" --prompt "Twice" --stop "\\n\\n"
  kerasapp generate --server 127.0.0.1:8501 --model tinyshakespeare --prompt "To be" --stream

The same seed gives the same text. Each text is printed after its prompt.
"""


def main(argv):
    parser = _parser()
    args, _ = parser.parse(protect_texts(argv, parser, ("--prompt", "--stop")))
    remote.check_flags(args, SPEC)
    prompts = args.prompt or [""]
    if args.stream and len(prompts) > 1:
        raise ConfigError(f"--stream takes one --prompt, not {len(prompts)}")
    generator, knobs = remote.predictor(args, SPEC), knobs_of(args, SPEC.knobs)
    if args.prompt and (unknown := generator.unknown(prompts)):
        named = ", ".join(map(visible, unknown))
        note(f"--prompt: the model does not know {named}; it reads each as an unknown character")
    if args.stream:
        stream = generator.stream if args.server is None else generator.server.stream
        pieces = stream(prompts[0], **knobs)  # at once: with an error nothing is written
        for piece in itertools.chain(prompts, pieces):
            _write(piece)
        _write("\n")
        return 0
    for i, (prompt, text) in enumerate(zip(prompts, generator.generate(prompts, **knobs))):
        if i:
            _write("---\n")
        _write(f"{prompt}{text}\n")
    return 0


def _parser():
    parser = Parser("generate", __doc__, EPILOG, text_flag="--prompt")
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument(
        "--prompt", action="append", type=protected_text, metavar="TEXT",
        help="text to go on from; may be given several times (default: none)",
    )  # fmt: skip
    add_knobs(parser, SPEC.knobs)
    parser.add_argument("--stream", action="store_true", help="print the text as it is produced; one prompt")
    remote.add_flags(parser)
    return parser


def _write(text):
    # Bytes: a prompt may hold what the terminal's encoding cannot show, and must not end the command.
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
