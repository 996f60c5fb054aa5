"""A server's model in place of a run or an export: `--server HOST:PORT`. REST needs no TensorFlow."""

from kerasapp import spec
from kerasapp.commands.arguments import number, protected_text, require_task
from kerasapp.commands.loading import load
from kerasapp.errors import ConfigError
from kerasapp.knobs import columns
from kerasapp.serving.client import Client
from kerasapp.serving.protocol.errors import StatusError

TIMEOUT = 300.0  # seconds for a batch; a server has limits of its own
FLAGS = {"name": "--model", "version": "--version", "label": "--label"}  # they need --server


def add_flags(parser):
    """Adds --server and what goes with it to a command's parser."""
    add = parser.add_argument_group("a server's model in place of RUN|EXPORT").add_argument
    words = "a kerasapp serve or TensorFlow Serving, asked over REST; over gRPC with grpc://HOST:PORT"
    add("--server", metavar="HOST:PORT", help=words)
    words = "the model's name there (default: the only model of this task, if kerasapp serve lists one)"
    add("--model", dest="name", metavar="NAME", help=words)
    words = "the model's version (default: the newest)"
    add("--version", type=number(int, 1, 2**63 - 1), metavar="N", help=words)
    add("--label", metavar="L", help="the version by its label, such as stable")


def check_flags(args, task, text=False):
    """Raises ConfigError unless there is exactly one of a run or export of the task, and a server.

    Args:
        task: the `TaskSpec` of the model.
        text: whether a TEXT may follow RUN|EXPORT; with a server the first word is the text.
    """
    if args.server is None:
        for name, flag in FLAGS.items():
            if getattr(args, name) is not None:
                raise ConfigError(f"{flag}: goes with --server")
        if args.model is None:
            raise ConfigError("RUN|EXPORT, or --server HOST:PORT: one of them is required")
        require_task(args.model, task.name)
        return
    if args.version is not None and args.label is not None:
        raise ConfigError("--version, --label: give one of them, not both")
    if text and args.text is None and args.model is not None:
        args.text, args.model = protected_text(args.model), None
    if args.model is not None:
        raise ConfigError(f"{args.model}: RUN|EXPORT, or --server: give one of them, not both")


def predictor(args, task):
    """The predictor of a run or an export, or one that asks a server, with the `Server` as `server`."""
    if args.server is None:
        return load(args.model)
    server = Server(args, task)
    predictor = task.load("answers")(server.ask)
    predictor.server = server
    return predictor


class Server:
    """One model of a server; every failure is a ConfigError that names the server.

    Args:
        args: the flags of `add_flags`. task: the model's `TaskSpec`.
    """

    def __init__(self, args, task):
        self._flag = f"--server {args.server}"
        try:
            self._client = Client(args.server, timeout=TIMEOUT)
        except ValueError as error:
            raise ConfigError(f"--server: {error}") from None
        self._task = task
        self.name = args.name or self._only(task.name)
        self._which = {"version": args.version, "label": args.label}
        signatures = self._signatures()
        if task.signature not in signatures:
            actual = spec.of_signatures(signatures)
            words = f"not a model of {task.name}: it has no signature {task.signature!r}"
            if actual:
                words = f"a model of {actual.name}, not of {task.name}; ask it with kerasapp {actual.command}"
            raise ConfigError(f"--model {self.name}: {words}")

    def ask(self, name, inputs):
        """Runs a signature with arrays."""
        return self._call(self._client.predict, self.name, inputs, signature_name=name, **self._which)

    def stream(self, text, **knobs):
        """The pieces of a text as they are generated; asks at once."""
        columns(knobs, self._task.knobs, 1, "texts")  # the checks of a model in this process
        pieces = self._call(self._client.stream, self.name, text, **self._which, **knobs)
        return iter(lambda: self._call(next, pieces, None), None)

    def audio(self):
        """The lowest and the highest frequency of a voice's spectrograms; None if it is not listed."""
        try:
            models = self._client.models()
        except StatusError:
            return None
        versions = [v for model in models if model["name"] == self.name for v in model["versions"]]
        number, label = self._which.values()
        for version in versions:  # the newest first
            if number in (None, int(version["version"])) and (label is None or label in version["labels"]):
                return version["audio"]
        return None

    def _signatures(self):
        try:
            return self._client.metadata(self.name, **self._which)
        except StatusError as error:
            known = self._known() if error.code == "NOT_FOUND" else ""
            raise ConfigError(f"{self._config_error(error)}{known}") from None

    def _known(self):
        """What there is instead, where the server lists its models: the model's versions, or the models."""
        try:
            models = {model["name"]: model["versions"] for model in self._client.models()}
        except StatusError:
            return ""
        if versions := models.get(self.name):
            return f"; its versions are {', '.join(version['version'] for version in versions)}"
        return f"; the server has {', '.join(models) or 'no model'}"

    def _only(self, task):
        """The name of the only model of a task."""
        try:
            models = self._client.models()
        except StatusError as error:
            if error.code in ("NOT_FOUND", "INVALID_ARGUMENT", "UNIMPLEMENTED"):
                raise ConfigError(f"--model: required; {self._flag} does not list its models") from None
            raise self._config_error(error) from None
        fitting = [model["name"] for model in models if any(v["task"] == task for v in model["versions"])]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ConfigError(f"--model: the server has several of {task}, {', '.join(fitting)}: choose one")
        names = ", ".join(model["name"] for model in models) or "none at all"
        raise ConfigError(f"--model: the server has no model of {task}; it has {names}")

    def _call(self, call, *args, **options):
        try:
            return call(*args, **options)
        except StatusError as error:
            raise self._config_error(error) from None

    def _config_error(self, error):
        return ConfigError(f"{self._flag}: {error.message.removeprefix(f'{self._client.where}: ')}")
