"""`kerasapp export`: writes a trained model as the next version in a folder that servers watch."""

import csv
import re
import sys
from pathlib import Path

from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser
from kerasapp.errors import CheckError, ConfigError

PRECISIONS = ("float32", "float16", "dynamic", "int8")  # as in kerasapp.export.tflite, which needs TensorFlow
EPILOG = """examples:
  kerasapp export runs/tinyshakespeare
  kerasapp export runs/mine --name stories --to /srv/models
  kerasapp export runs/mine --production production
  kerasapp export runs/mine --tflite float32 dynamic
  kerasapp export saved_models/mine --production production

--production writes what runs the model in TensorFlow Serving, in Docker, in Kubernetes and in KServe; its
README.md says how. The new version gets the label `canary`; `stable` stays where it is. Of an export, which
is a version already, it writes these files alone.

Before the new version is there, all its runtimes are asked the same, in a minute at most times (kerasapp
verify --help). One that answers otherwise than Keras leaves no version, and the exit code is 1. The table
stands in the model card, assets.extra/kerasapp/model_card.md.

--tflite writes a bundle for phones, tflite/, into the version (docs/mobile.md). `dynamic`, with weights of
8 bits, is the one for most phones; `int8` needs the training data. Of an export it makes a new version, of
the model that the export holds.
"""


def main(argv):
    args = _parse(argv)
    artefact = find(args.run)
    exported = artefact.folder != artefact.path
    if args.production and exported:
        if args.name or args.to or args.tflite:
            raise ConfigError(
                "--name, --to, --tflite: of no use with --production for a version that is exported already"
            )
        version = artefact.path
    else:
        version = Path(args.to or "saved_models") / _name(args, artefact)
    _check(args, version, exported)
    if args.production:
        from kerasapp import threads

        threads.run_side_by_side()  # as the server does, whose speed is measured
    if not (args.production and exported):
        from kerasapp import api

        predictor = api.load(args.run)
        figures = best_figures(artefact.path)
        check = _verified if args.verify else None
        version = predictor.task.export(predictor.model, version, figures, args.tflite, check)
        print(version, flush=True)
    if args.production:
        write_production(Path(version), Path(args.production), args.measure)
        print(args.production)
    return 0


def _parse(argv):
    parser = Parser("export", __doc__, EPILOG)
    parser.add_argument("run", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    parser.add_argument("--name", help="the model's name for servers (default: the run folder's name)")
    parser.add_argument("--to", metavar="DIR", help="default: saved_models")
    parser.add_argument(
        "--tflite", metavar="PRECISION", nargs="+", choices=PRECISIONS, default=(),
        help="add a bundle for phones, with a file of each precision: " + ", ".join(PRECISIONS),
    )  # fmt: skip
    parser.add_argument(
        "--production", metavar="DIR",
        help="write the files that serve it in production, fitted to the model by some seconds of measuring",
    )  # fmt: skip
    parser.add_argument(
        "--no-measure", dest="measure", action="store_false",
        help="do not measure for --production, write usual values",
    )  # fmt: skip
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not ask the new version's runtimes"
    )
    args, _ = parser.parse(argv)
    if not args.measure and not args.production:
        raise ConfigError("--no-measure: goes with --production")
    return args


def _name(args, artefact):
    path = artefact.path.resolve()
    name = args.name or (path.parent.name if path.name.isdecimal() else path.name)
    if not re.fullmatch(r"[\w-][\w.-]*", name) or name.isdecimal():  # a number would be taken for a version
        raise ConfigError(
            f"--name: {name!r} is not letters, digits, '-', '_' and '.' with a letter among them"
        )
    return name


def _check(args, version, exported):
    """Raises ConfigError for what would only fail once the model is exported."""
    if not args.production:
        return
    from kerasapp.serving.production import manifests as production
    from kerasapp.serving.protocol.errors import ServingError

    version = version.resolve()
    if exported and not (version.name.isdecimal() and int(version.name) > 0):
        raise ConfigError(
            f"{version}: servers look for NAME/VERSION, VERSION being 1, 2, ...; rename the folder"
        )
    try:
        production.check_name(version.parent.name if exported else version.name)
        production.check_folder(Path(args.production))
    except ServingError as error:
        raise ConfigError(f"--production: {error}") from None


def _verified(staged):
    """The table of a short `kerasapp verify`, as Markdown; CheckError where a runtime does not hold."""
    from kerasapp.commands import verify
    from kerasapp.verify import checking, table

    print("verifying, usually under a minute (skip with --no-verify) ...", file=sys.stderr, flush=True)
    report = checking.verify(staged, checking.QUICK)
    verify.show(report, sys.stderr)
    if not report["ok"]:
        names = ", ".join(name for name, row in report["runtimes"].items() if not row["ok"])
        raise CheckError(f"no version is written: {names} does not hold (see above)")
    return table.markdown(report)


def write_production(version, folder, measure):
    """Writes the production files of a version to a folder; a ConfigError where that cannot be done."""
    from kerasapp.serving.production import manifests as production
    from kerasapp.serving.production import tuning
    from kerasapp.serving.protocol.errors import ServingError

    try:
        if measure:
            print("measuring batches, some 15 seconds ...", file=sys.stderr, flush=True)
        batching = tuning.measured(version.resolve()) if measure else tuning.unmeasured(version.resolve())
        production.write(version, folder, batching, report=lambda line: print(line, file=sys.stderr))
    except ServingError as error:
        raise ConfigError(f"--production: {error}") from None


def best_figures(run):
    """The validation figures of the epoch whose model the run kept, from its history.csv."""
    path = run / "history.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        best = [row for row in csv.DictReader(file) if row.get("best") == "True"]
    return {name: value for name, value in best[-1].items() if name != "best"} if best else {}
