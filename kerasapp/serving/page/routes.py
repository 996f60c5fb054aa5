"""The page at `/`, to try the loaded models in a browser, and the list of models that it needs.

Both are additions of kerasapp to TF Serving's REST interface. The page is the files in `static/`. It calls
the public interface, and its Content-Security-Policy allows no other host.
"""

import json
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kerasapp import spec
from kerasapp.serving.engine import Engine
from kerasapp.serving.protocol.http_names import MODELS_PATH
from kerasapp.serving.rest.http_messages import json_answer

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes(engine: Engine) -> list[Route]:
    """The routes of the page, for `kerasapp.serving.rest.app.create_app`; they take GET and HEAD only."""

    async def models(request: Request) -> Response:
        return json_answer(json.dumps({"models": list_models(engine)}, indent=1).encode())

    def file(name: str, content: bytes, media_type: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return Response(content, media_type=media_type, headers=_HEADERS)

        return Route("/" if name == "index.html" else f"/kerasapp/page/{name}", endpoint)

    static = files(__package__).joinpath("static").iterdir()
    found = [file(path.name, path.read_bytes(), _TYPES[Path(path.name).suffix]) for path in static]
    return [Route(MODELS_PATH, models), *found]


def list_models(engine: Engine) -> list[dict]:
    """All models by name, each with its versions, newest first.

    A version has its number as a string, its state and labels, an error message or "", the names of its
    signatures, the name of its task (None for any other SavedModel), what a form needs to ask it, and, if it
    is one of kerasapp's voices, the settings of its spectrograms.

    Example:
        >>> list_models(engine)  # doctest: +SKIP
        [{'name': 'digits', 'versions': [{'version': '1', 'state': 'AVAILABLE', 'labels': [], 'error': '', ...
    """
    models: dict[str, list] = {}
    for version in engine.registry.all_versions():
        models.setdefault(version.model, []).append(version)
    for versions in models.values():
        versions.sort(key=lambda version: -version.number)
    return [
        {"name": name, "versions": [_describe(version) for version in versions]}
        for name, versions in sorted(models.items())
    ]


def _describe(version) -> dict:
    bundle = version.bundle  # kept, as the version may be unloaded meanwhile
    names = bundle.signature_defs if bundle else ()
    signatures = sorted(name for name in names if not name.startswith("__"))  # these are TensorFlow's own
    task = spec.of_signatures(signatures)
    return {
        "version": str(version.number),
        "state": version.state,
        "labels": list(version.labels),
        "error": version.message,
        "signatures": signatures,
        "task": task.name if task else None,
        "form": _form(task, signatures) if task else None,
        "audio": _audio(version.settings) if task else None,
    }


def _form(task, signatures) -> dict:
    """What a form needs to ask a version: see `kerasapp.spec.TaskSpec`."""
    streams = task.stream is not None and set(task.stream.signatures) <= set(signatures)
    return {
        "signature": task.signature,
        "input": task.input,
        "takes": task.takes,
        "streams": streams,
        "knobs": [knob.described() for knob in task.knobs],
    }


def _audio(settings) -> dict | None:
    """The lowest and the highest frequency of the spectrograms in Hz; None if the export does not say."""
    try:
        audio = settings["audio"]
        return {"f_min": float(audio["f_min"]), "f_max": float(audio["f_max"] or audio["sample_rate"] / 2)}
    except (ValueError, TypeError, KeyError):
        return None  # not an export of kerasapp: the page numbers the bands
