"""`kerasapp decipher`: reads a secret text."""

from kerasapp.commands import remote
from kerasapp.commands.arguments import Parser, add_knobs, knobs_of, require_task
from kerasapp.commands.loading import load
from toy_task.spec import SPEC


def main(argv):
    parser = Parser(SPEC.command, __doc__)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?")
    parser.add_argument("--text", required=True)
    add_knobs(parser, SPEC.knobs)
    remote.add_flags(parser)
    args, _ = parser.parse(argv)
    remote.check_flags(args)
    if args.server is None:
        require_task(args.model, SPEC.name)
    decipherer = load(args.model) if args.server is None else remote.predictor(args, SPEC)
    print(*decipherer.decipher([args.text], **knobs_of(args, SPEC.knobs)))
