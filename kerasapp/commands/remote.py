"""A server's model in place of a run or an export, `--server HOST:PORT`; over REST without TensorFlow."""

from kerasapp import spec
from kerasapp.commands.arguments import number, protected_text, require_task
from kerasapp.commands.loading import load
from kerasapp.errors import ConfigError
from kerasapp.knobs import columns
from kerasapp.serving.client import Client
from kerasapp.serving.protocol.errors import StatusError

TIMEOUT = 300.0  # seconds for a batch; a server has limits of its own
FLAGS = ("name", "version", "label")  # those that go with --server


def add_flags(parser):
    """Adds --server and what goes with it to a command's parser."""
    group = parser.add_argument_group("a server's model in place of RUN|EXPORT")
    group.add_argument(
        "--server", metavar="HOST:PORT",
        help="ask kerasapp serve, or TensorFlow Serving: over REST, or with grpc://HOST:PORT over gRPC",
    )  # fmt: skip
    group.add_argument(
        "--model", dest="name", metavar="NAME",
        help="the model's name there; may be left out where kerasapp serve has one of the kind",
    )  # fmt: skip
    group.add_argument(
        "--version", type=number(int, 1, 2**63 - 1, "a version's number, from 1"), metavar="N",
        help="its version (default: the newest)",
    )  # fmt: skip
    group.add_argument("--label", metavar="L", help="its version by label, such as stable")


def check_flags(args, task, text=False):
    """Raises ConfigError unless there is either a run or export of the task, or a server.

    Args:
        task: the `TaskSpec` of the model.
        text: whether a TEXT may follow RUN|EXPORT: without the latter, the first word is the text.
    """
    if args.server is None:
        for flag in FLAGS:
            if getattr(args, flag) is not None:
                raise ConfigError(f"--{'model' if flag == 'name' else flag}: goes with --server")
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
    """What answers: the predictor of a run or an export, or answers of a server, with a `Server` as `server`.

    Args:
        args: the flags of `add_flags`. task: the `TaskSpec` of the model.

    Raises: ConfigError if the server or its model cannot answer.
    """
    if args.server is None:
        return load(args.model)
    server = Server(args, task)
    found = task.load("answers")(server.ask)
    found.server = server
    return found


class Server:
    """One model of a server; what goes wrong is a ConfigError that names the server.

    Args:
        args: the flags of `add_flags`.
        task: the model's `TaskSpec`.
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
        signatures = self._asked(self._client.metadata, self.name, **self._which)
        if task.signature not in signatures:
            found = spec.of_signatures(signatures)
            if found:
                words = f"a model of {found.name}, not of {task.name}; ask it with kerasapp {found.command}"
            else:
                words = f"not a model of {task.name}: it has no signature {task.signature!r}"
            raise ConfigError(f"--model {self.name}: {words}")

    def ask(self, name, inputs):
        """Runs a signature with arrays; what the predictors call."""
        return self._asked(self._client.predict, self.name, inputs, signature_name=name, **self._which)

    def stream(self, text, **knobs):
        """The pieces of a text as they are made; asks at once."""
        columns(knobs, self._task.knobs, 1, "texts")  # as a model in this process checks them
        pieces = self._asked(self._client.stream, self.name, text, **self._which, **knobs)
        return iter(lambda: self._asked(next, pieces, None), None)

    def audio(self):
        """The lowest and the highest frequency of a voice's spectrograms; None where it is not told."""
        try:
            models = self._client.models()
        except StatusError:
            return None
        versions = [v for model in models if model["name"] == self.name for v in model["versions"]]
        number, label = self._which["version"], self._which["label"]
        for version in versions:  # the newest first
            if number in (None, int(version["version"])) and (label is None or label in version["labels"]):
                return version["audio"]
        return None

    def _only(self, task):
        """The name of the only model of a task."""
        try:
            models = self._client.models()
        except StatusError as error:
            if error.code in ("NOT_FOUND", "INVALID_ARGUMENT", "UNIMPLEMENTED"):
                raise ConfigError(f"--model: required; {self._flag} does not list its models") from None
            raise self._told(error) from None
        found = [model["name"] for model in models if any(v["task"] == task for v in model["versions"])]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f"--model: the server has several of {task}, {', '.join(found)}: choose one")
        names = ", ".join(model["name"] for model in models) or "none at all"
        raise ConfigError(f"--model: the server has no model of {task}; it has {names}")

    def _asked(self, call, *args, **options):
        try:
            return call(*args, **options)
        except StatusError as error:
            raise self._told(error) from None

    def _told(self, error):
        return ConfigError(f"{self._flag}: {error.message.removeprefix(f'{self._client.where}: ')}")
