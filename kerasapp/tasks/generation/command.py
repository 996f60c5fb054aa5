"""`kerasapp generate`: lets a trained language model write on."""

import sys

from kerasapp.commands import remote
from kerasapp.commands.arguments import Parser, number, protect_texts, protected_text, require_task
from kerasapp.commands.loading import load as _load
from kerasapp.errors import ConfigError

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
    remote.check_flags(args)
    prompts = args.prompt or [""]
    if args.stream and len(prompts) > 1:
        raise ConfigError(f"--stream takes one --prompt, not {len(prompts)}")
    if args.server is None:
        require_task(args.model, "generation")
    generator = _load(args.model) if args.server is None else remote.predictor(args, "generation")
    knobs = {name: getattr(args, name) for name in ("length", "temperature", "top_k", "top_p", "seed")}
    knobs["stop"] = args.stop.replace("\\n", "\n")
    if args.stream:
        pieces = generator.stream(prompts[0], **knobs)
        _write(prompts[0])
        for piece in pieces:
            _write(piece)
        _write("\n")
        return 0
    for i, (prompt, text) in enumerate(zip(prompts, generator.generate(prompts, **knobs))):
        if i:
            _write("---\n")
        _write(f"{prompt}{text}\n")
    return 0


def _parser():
    parser = Parser("generate", __doc__, EPILOG)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?", help="a run folder, or an exported version")
    parser.add_argument(
        "--prompt", action="append", type=protected_text, metavar="TEXT",
        help="text to go on from; may be given several times (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--length", type=number(int, 0, 1_000_000, "a number of tokens to 1000000"), default=500, metavar="N",
        help="tokens to generate: characters, or subwords where the model has those (default: 500)",
    )  # fmt: skip
    parser.add_argument(
        "--temperature", type=number(float, 0, 100, "a number from 0 to 100"), default=0.8, metavar="T",
        help="0 takes the likeliest token each time, 1 the model's own probabilities (default: 0.8)",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", type=number(int, 0, 2**31 - 1, "a number of tokens, 0 for all"), default=0, metavar="K",
        help="choose among the K likeliest tokens only; 0 for all (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--top-p", type=number(float, 0, 1, "a probability from 0 to 1"), default=1.0, metavar="P",
        help="choose among the likeliest tokens that reach probability P together (default: 1, all)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=number(int, -(2**31), 2**31 - 1, "a whole number of 32 bits"), default=0, metavar="S",
        help="the same seed gives the same text (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--stop", type=protected_text, default="", metavar="TEXT",
        help=r"end a text before TEXT; \n is a line break",
    )  # fmt: skip
    parser.add_argument("--stream", action="store_true", help="print the text as it is produced; one prompt")
    remote.add_flags(parser)
    return parser


def _write(text):
    # Bytes: a prompt may hold what the terminal's encoding cannot show, and must not end the command.
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
