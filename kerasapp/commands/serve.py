"""`kerasapp serve`: answers over HTTP in the way of TF Serving (TF-Serving-compatible)."""

from kerasapp.commands.arguments import Parser, number
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp serve
  kerasapp serve saved_models --rest-port 9000
  curl -d '{"instances": ["ROMEO:"]}' http://127.0.0.1:8501/v1/models/tinyshakespeare:predict
"""


def main(argv):
    parser = Parser("serve", __doc__, EPILOG)
    parser.add_argument(
        "folder", nargs="?", default="saved_models", help="folder of NAME/VERSION/ (default: saved_models)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1",
        help="address to bind to; 0.0.0.0 opens it to the network (default: 127.0.0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--rest-port", type=number(int, 0, 65535, "a port, 0 for a free one"), default=8501, metavar="PORT",
        help="default: 8501",
    )  # fmt: skip
    args, _ = parser.parse(argv)

    from kerasapp import threads
    from kerasapp.serving.errors import ServingError
    from kerasapp.serving.server import serve

    threads.run_side_by_side()
    try:
        serve(args.folder, host=args.host, rest_port=args.rest_port)
    except ServingError as error:
        raise ConfigError(str(error)) from None
    return 0
