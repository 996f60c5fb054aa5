"""`kerasapp serve`: serves models over REST and gRPC with the interfaces of TensorFlow Serving."""

import logging

from kerasapp.commands.arguments import Parser, number
from kerasapp.errors import ConfigError
from kerasapp.serving.batching.parameters import BatchingParameters, read_parameters
from kerasapp.serving.engine import Limits
from kerasapp.serving.observing.logs import LEVELS, JsonFormatter, Log
from kerasapp.serving.observing.metrics import Monitoring, read_monitoring
from kerasapp.serving.observing.standard_error import StandardError
from kerasapp.serving.protocol.addresses import GRPC_PORT, REST_PORT
from kerasapp.serving.protocol.errors import ServingError

FOLDER = "saved_models"
EPILOG = """examples:
  kerasapp serve
  kerasapp serve saved_models --rest-port 9000
  kerasapp serve --model-config-file models.config --batching-parameters-file batching_parameters.txt
  curl -d '{"instances": ["ROMEO:"]}' http://127.0.0.1:8501/v1/models/tinyshakespeare:predict

Prometheus reads the metrics at /monitoring/prometheus/metrics of the REST port.
"""
LIMITS = {  # fields of `Limits` that are flags --max-NAME: the metavar and the help
    "body": ("BYTES", "bytes of a request"),
    "text": ("BYTES", "bytes of one string"),
    "batch": ("ROWS", "rows of a request"),
    "length": ("N", "tokens of a generated text"),
    "work": ("N", "rows x tokens (x beams or samples) of a request to a model of kerasapp"),
    "requests": ("N", "requests at once; more are refused with 503"),
}


def main(argv):
    args, _ = _parser().parse(argv)
    if args.folder and args.model_config_file:
        raise ConfigError("give a folder or --model-config-file, not both (see kerasapp serve --help)")
    errors = StandardError()
    try:
        options = _options(args) | {"log": Log(args.log, errors)}
        from kerasapp.serving.models.tensorflow_import import import_tensorflow

        import_tensorflow()
        from kerasapp import threads
        from kerasapp.serving.server import serve

        threads.run_side_by_side()
        handler = logging.StreamHandler(errors)
        handler.setFormatter(JsonFormatter())
        logging.basicConfig(level=logging.WARNING, handlers=[handler])
        serve(**options)
    except ServingError as error:
        raise ConfigError(str(error)) from None
    finally:
        errors.close()
    return 0


def _parser():
    parser = Parser("serve", __doc__, EPILOG)
    add = parser.add_argument
    words = f"a folder of NAME/VERSION/; the newest version of each is served (default: {FOLDER})"
    add("folder", nargs="?", metavar="FOLDER", help=words)
    words = "models, versions and labels: TF Serving's ModelServerConfig"
    add("--model-config-file", metavar="FILE", help=words)
    words = "the address to bind to; 0.0.0.0 opens the server to the network (default: %(default)s)"
    add("--host", default="127.0.0.1", help=words)
    words = "0 for a free one (default: %(default)s)"
    add("--rest-port", type=number(int, 0, 65535), default=REST_PORT, metavar="PORT", help=words)
    words = f"0 for a free one, none for no gRPC (default: {GRPC_PORT}, or a free one if that is taken)"
    add("--grpc-port", type=_grpc_port, metavar="PORT", help=words)
    words = "let pages of any origin read the answers (CORS)"
    add("--rest-api-enable-cors-support", dest="cors", action="store_true", help=words)
    words = "a new label may be given to a version that is not loaded yet"
    add("--allow-version-labels-for-unavailable-models", dest="early_labels", action="store_true", help=words)
    words = "seconds between two looks for new models, versions and configuration; 0: never (default: 1)"
    add("--poll-seconds", type=number(float, 0, 86400), default=1.0, metavar="S", help=words)
    add = parser.add_argument_group("batching of concurrent requests").add_argument
    add("--enable-batching", action="store_true", help="batch with TF Serving's default parameters")
    add("--batching-parameters-file", metavar="FILE", help="batch with the parameters in this file")
    add = parser.add_argument_group("limits of a request").add_argument
    for name, (metavar, words) in LIMITS.items():
        default = getattr(Limits, name)
        words = f"most {words} (default: {default})"
        add(f"--max-{name}", type=number(int, 1, 2**40), default=default, metavar=metavar, help=words)
    words = f"most seconds of a request (default: {Limits.timeout:g}); a client can ask for less with "
    words += "the header X-Request-Timeout, or with gRPC's deadline"
    add("--timeout", type=number(float, 0.001, 86400), default=Limits.timeout, metavar="S", help=words)
    add = parser.add_argument_group("monitoring").add_argument
    words = "whether there are metrics, and at which path: TF Serving's MonitoringConfig"
    add("--monitoring-config-file", metavar="FILE", help=words)
    words = "; ".join(f"{level}: {text}" for level, text in LEVELS.items())
    words = f"JSON lines on standard error; {words} (default: %(default)s)"
    add("--log", choices=list(LEVELS), default="errors", metavar="LEVEL", help=words)
    return parser


def _grpc_port(text):
    return -1 if text == "none" else number(int, 0, 65535)(text)


def _options(args):
    """The arguments of `kerasapp.serving.server.serve`; ServingError for a file that is wrong."""
    batching = BatchingParameters() if args.enable_batching else None
    if args.batching_parameters_file:
        batching = read_parameters(args.batching_parameters_file)
    file = args.monitoring_config_file
    same = ("host", "rest_port", "grpc_port", "model_config_file", "early_labels", "cors", "poll_seconds")
    return {
        "folder": None if args.model_config_file else args.folder or FOLDER,
        **{name: getattr(args, name) for name in same},
        "limits": Limits(**{name: getattr(args, f"max_{name}") for name in LIMITS}, timeout=args.timeout),
        "batching": batching,
        "monitoring": read_monitoring(file) if file else Monitoring(),
    }
