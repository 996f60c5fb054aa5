"""`kerasapp serve`: answers over REST and gRPC in the way of TF Serving (TF-Serving-compatible)."""

from kerasapp.commands.arguments import Parser, number
from kerasapp.errors import ConfigError
from kerasapp.serving.observing.logs import LEVELS

FOLDER = "saved_models"
EPILOG = """examples:
  kerasapp serve
  kerasapp serve saved_models --rest-port 9000
  kerasapp serve --model-config-file models.config --batching-parameters-file batching_parameters.txt
  curl -d '{"instances": ["ROMEO:"]}' http://127.0.0.1:8501/v1/models/tinyshakespeare:predict

metrics for Prometheus: /monitoring/prometheus/metrics at the REST port
"""


def main(argv):
    args, _ = _parser().parse(argv)
    if args.folder and args.model_config_file:
        raise ConfigError("give a folder or --model-config-file, not both (see kerasapp serve --help)")

    from kerasapp.serving.models.tensorflow_import import import_tensorflow
    from kerasapp.serving.protocol.errors import ServingError

    try:
        options = _options(args)
        import_tensorflow()
        from kerasapp import threads

        threads.run_side_by_side()
        _serve(options)
    except ServingError as error:
        raise ConfigError(str(error)) from None
    return 0


def _parser():
    parser = Parser("serve", __doc__, EPILOG)
    add = parser.add_argument
    add(
        "folder",
        nargs="?",
        help=f"folder of NAME/VERSION/; of each, the newest is served (default: {FOLDER})",
    )
    add(
        "--model-config-file",
        metavar="FILE",
        help="models, versions and labels: TF Serving's ModelServerConfig",
    )
    add("--host", default="127.0.0.1",
        help="address to bind to; 0.0.0.0 opens it to the network (default: 127.0.0.1)")  # fmt: skip
    port = number(int, 0, 65535, "a port, 0 for a free one")
    add("--rest-port", type=port, default=8501, metavar="PORT", help="0 for a free one (default: 8501)")
    add("--grpc-port", type=_grpc_port, metavar="PORT",
        help="0: a free one, none: no gRPC (default: 8500, or a free one if that is taken)")  # fmt: skip
    add("--allow-version-labels-for-unavailable-models", dest="early_labels", action="store_true",
        help="a new label may be given to a version that is not loaded yet")  # fmt: skip
    seconds = number(float, 0, 86400, "a number of seconds")
    add("--poll-seconds", type=seconds, default=1.0, metavar="S",
        help="how often to look for new models, versions, configuration; 0: never (default: 1)")  # fmt: skip
    batching = parser.add_argument_group("batching of concurrent requests")
    batching.add_argument("--enable-batching", action="store_true", help="on, with TF Serving's parameters")
    batching.add_argument("--batching-parameters-file", metavar="FILE", help="on, with these parameters")
    _add_limits(parser.add_argument_group("limits of a request"))
    watching = parser.add_argument_group("watching")
    watching.add_argument(
        "--monitoring-config-file", metavar="FILE", help="whether and where there are metrics"
    )
    words = "; ".join(f"{level}: {text}" for level, text in LEVELS.items())
    watching.add_argument("--log", choices=list(LEVELS), default="errors", metavar="LEVEL",
                          help=f"JSON lines on standard error; {words} (default: errors)")  # fmt: skip
    return parser


def _add_limits(group):
    whole = number(int, 1, 2**40, "a positive whole number")
    seconds = number(float, 0.001, 86400, "a positive number of seconds")
    group.add_argument("--max-body", type=whole, metavar="BYTES", help="of a request (default: 64 MiB)")
    group.add_argument("--max-text", type=whole, metavar="BYTES", help="of one string (default: 1 MiB)")
    group.add_argument("--max-batch", type=whole, metavar="ROWS", help="default: 1024")
    group.add_argument("--max-length", type=whole, metavar="N", help="of generated text (default: 10000)")
    group.add_argument("--timeout", type=seconds, metavar="S",
                       help="the longest that a request may take (default: 60); a client can ask for less: "
                       "header X-Request-Timeout, or gRPC's deadline")  # fmt: skip


def _grpc_port(text):
    return -1 if text == "none" else number(int, -1, 65535, "a port, 0 for a free one, or none")(text)


def _options(args):
    """The arguments of `kerasapp.serving.server.serve`; ServingError for a file that is wrong."""
    from kerasapp.serving.batching.parameters import BatchingParameters, read_parameters
    from kerasapp.serving.engine import Limits
    from kerasapp.serving.observing.logs import Log
    from kerasapp.serving.observing.metrics import Monitoring, read_monitoring

    given = {name: getattr(args, name if name == "timeout" else f"max_{name}") for name in
             ("body", "text", "batch", "length", "timeout")}  # fmt: skip
    batching = BatchingParameters() if args.enable_batching else None
    if args.batching_parameters_file:
        batching = read_parameters(args.batching_parameters_file)
    file = args.monitoring_config_file
    return {
        "folder": None if args.model_config_file else args.folder or FOLDER,
        "host": args.host,
        "rest_port": args.rest_port,
        "grpc_port": args.grpc_port,
        "model_config_file": args.model_config_file,
        "early_labels": args.early_labels,
        "limits": Limits(**{name: value for name, value in given.items() if value is not None}),
        "batching": batching,
        "monitoring": read_monitoring(file) if file else Monitoring(),
        "poll_seconds": args.poll_seconds,
        "log": Log(args.log),
    }


def _serve(options):
    import logging
    import sys

    from kerasapp.serving.observing.logs import JsonFormatter
    from kerasapp.serving.server import serve

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    serve(**options)
