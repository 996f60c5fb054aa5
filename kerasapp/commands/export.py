"""`kerasapp export`: writes a trained model as the next version in a folder that servers watch."""

import csv
import re
from pathlib import Path

from kerasapp.artefact import find
from kerasapp.commands.arguments import Parser
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp export runs/tinyshakespeare
  kerasapp export runs/mine --name stories --to /srv/models
"""


def main(argv):
    parser = Parser("export", __doc__, EPILOG)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--name", help="the model's name for servers (default: the run folder's name)")
    parser.add_argument("--to", default="saved_models", metavar="DIR", help="default: saved_models")
    args, _ = parser.parse(argv)
    artefact = find(args.run)
    path = artefact.path.resolve()
    name = args.name or (path.parent.name if path.name.isdecimal() else path.name)
    if not re.fullmatch(r"[\w-][\w.-]*", name) or name.isdecimal():  # a number would be taken for a version
        raise ConfigError(
            f"--name: {name!r} is not letters, digits, '-', '_' and '.' with a letter among them"
        )

    from kerasapp import api

    predictor = api.load(args.run)
    print(predictor.task.export(predictor.model, Path(args.to) / name, best_figures(artefact.path)))
    return 0


def best_figures(run):
    """The validation figures of the epoch whose model the run kept, from its history.csv."""
    path = run / "history.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        best = [row for row in csv.DictReader(file) if row.get("best") == "True"]
    return {name: value for name, value in best[-1].items() if name != "best"} if best else {}
