"""`kerasapp export`: writes a trained model as the next version in a folder that servers watch."""

import csv
import re
import sys
from pathlib import Path

from kerasapp.artefact import find, version_number
from kerasapp.backend import SERVING
from kerasapp.commands.arguments import Parser
from kerasapp.commands.loading import load
from kerasapp.errors import CheckError, ConfigError, note
from kerasapp.export.precisions import PRECISIONS

FOLDER = "saved_models"
EPILOG = f"""examples:
  kerasapp export runs/tinyshakespeare
  kerasapp export runs/mine --name stories --to /srv/models
  kerasapp export runs/mine --production production
  kerasapp export runs/mine --tflite float32 dynamic
  kerasapp export saved_models/mine --production production

All runtimes of the new version answer the same requests before it is published, usually in under a minute
(kerasapp verify --help). If one answers otherwise than Keras, no version is written and the exit code is 1.
The table is in the model card, assets.extra/kerasapp/model_card.md.

TensorFlow Serving {SERVING} and later ones serve an export, whether TensorFlow 2.20 or 2.21 made it. The
model card has the versions of the packages that made it.

--production writes the files that run the model in TensorFlow Serving, Docker, Kubernetes and KServe; their
README.md explains them. The new version gets the label `canary`; `stable` keeps its version. For an EXPORT it
writes these files only.

--tflite adds a bundle for phones, tflite/, to the version (docs/mobile.md). Use `dynamic`, with weights of
8 bits, for most phones; `int8` needs the training data. For an EXPORT it writes a new version of the same
model.
"""


def main(argv):
    args = _parse(argv)
    artefact = find(args.run)
    exported = artefact.folder != artefact.path
    if args.production and exported:
        if args.name or args.to or args.tflite:
            raise ConfigError("--name, --to, --tflite: of no use with --production for an exported version")
        version = artefact.path
    else:
        version = Path(args.to or FOLDER) / _name(args, artefact)
    _check(args, version, exported)
    if args.production:
        from kerasapp import threads

        threads.run_side_by_side()  # as in the server, whose speed is measured
    if not (args.production and exported):
        predictor = load(args.run)
        check = _verified if args.verify else None
        metrics = best_metrics(artefact.path)
        version = predictor.task.export(predictor.model, version, metrics, args.tflite, check)
        print(version, flush=True)
    if args.production:
        write_production(Path(version), Path(args.production), args.measure)
        print(args.production)
    return 0


def _parse(argv):
    parser = Parser("export", __doc__, EPILOG)
    add = parser.add_argument
    add("run", metavar="RUN|EXPORT", help="a run folder, or an exported version")
    add("--name", help="the model's name for servers (default: the run folder's name)")
    add("--to", metavar="DIR", help=f"the folder of all models (default: {FOLDER})")
    words = "add a bundle for phones, with one file per precision: " + ", ".join(PRECISIONS)
    add("--tflite", metavar="PRECISION", nargs="+", choices=PRECISIONS, default=(), help=words)
    words = "write the files for production, with batching parameters measured for this model"
    add("--production", metavar="DIR", help=words)
    words = "with --production: do not measure, write the usual parameters"
    add("--no-measure", dest="measure", action="store_false", help=words)
    add("--no-verify", dest="verify", action="store_false", help="do not verify the new version")
    args, _ = parser.parse(argv)
    if not args.measure and not args.production:
        raise ConfigError("--no-measure: goes with --production")
    return args


def _name(args, artefact):
    path = artefact.path.resolve()
    name = args.name or (path.parent.name if version_number(path.name) is not None else path.name)
    if not re.fullmatch(r"[\w-][\w.-]*", name) or version_number(name) is not None:  # it would be a version
        raise ConfigError(
            f"--name: {name!r} is not letters, digits, '-', '_' and '.' with a letter among them"
        )
    return name


def _check(args, version, exported):
    """Raises ConfigError for faults that --production would only show after the export."""
    if not args.production:
        return
    from kerasapp.serving.production import manifests
    from kerasapp.serving.protocol.errors import ServingError

    version = version.resolve()
    if exported and version_number(version.name) is None:
        raise ConfigError(
            f"{version}: servers look for NAME/VERSION, VERSION being 1, 2, ...; rename the folder"
        )
    try:
        manifests.check_name(version.parent.name if exported else version.name)
        manifests.check_folder(Path(args.production))
    except ServingError as error:
        raise ConfigError(f"--production: {error}") from None


def _verified(staged):
    """The table of a short `kerasapp verify`, as Markdown; CheckError if a runtime fails."""
    from kerasapp.commands import verify
    from kerasapp.verify import checking, table

    note("verifying, usually under a minute (skip with --no-verify) ...")
    report = checking.verify(staged, checking.QUICK)
    verify.show(report, sys.stderr)
    if not report["ok"]:
        names = ", ".join(name for name, row in report["runtimes"].items() if not row["ok"])
        raise CheckError(f"no version is written: {names} does not hold (see above)")
    return table.markdown(report)


def write_production(version, folder, measure):
    """Writes the production files of a version to a folder. Raises: ConfigError if that is not possible."""
    from kerasapp.serving.production import manifests, tuning
    from kerasapp.serving.protocol.errors import ServingError

    try:
        if measure:
            note("measuring batches, some 15 seconds ...")
        batching = tuning.measured(version.resolve()) if measure else tuning.unmeasured(version.resolve())
        manifests.write(version, folder, batching, report=note)
    except ServingError as error:
        raise ConfigError(f"--production: {error}") from None


def best_metrics(run):
    """The validation metrics of the epoch whose model the run kept, from its history.csv."""
    path = run / "history.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        best = [row for row in csv.DictReader(file) if row.get("best") == "True"]
    if not best:
        return {}
    from kerasapp.training.checkpoint import saved_state

    metrics = {name: value for name, value in best[-1].items() if name != "best"}
    if not (run / "finished").is_file():
        metrics["training"] = "was interrupted; this is the best model until then"
    return {**metrics, "data": saved_state(run).get("data")}
