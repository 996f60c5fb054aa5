"""`kerasapp decipher`: reads a secret text."""

from kerasapp.commands import remote
from kerasapp.commands.arguments import Parser, add_knobs, knobs_of
from toy_task.spec import SPEC


def main(argv):
    parser = Parser(SPEC.command, __doc__)
    parser.add_argument("model", metavar="RUN|EXPORT", nargs="?")
    parser.add_argument("--text", required=True)
    add_knobs(parser, SPEC.knobs)
    remote.add_flags(parser)
    args, _ = parser.parse(argv)
    remote.check_flags(args, SPEC)
    print(*remote.predictor(args, SPEC).decipher([args.text], **knobs_of(args, SPEC.knobs)))
