"""TF Serving's REST interface as a Starlette application.

Paths, status codes and messages follow tensorflow_serving/model_servers: http_rest_api_util.cc (paths),
http_rest_api_handler.cc (dispatch), http_server.cc (status codes, metrics); and g3doc/api_rest.md. Additions
of kerasapp: the headers X-Request-Id, which every answer gives back, and X-Request-Timeout, and a limit on
the body.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import CONTENT_TYPE, DEFAULT_PATH
from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.rest.handler import answer
from kerasapp.serving.rest.http_messages import json_answer, make_endpoint, read_body, within_deadline
from kerasapp.serving.rest.observer import Observer

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(
    engine: Engine,
    executor: ThreadPoolExecutor,
    *,
    routes: Iterable[BaseRoute] = (),
    metrics_path: str | None = DEFAULT_PATH,
    log: Log | None = None,
) -> Observer:
    """The ASGI application that answers for an engine, whose models may go on loading while it runs.

    Args:
        executor: where requests to models are parsed, run and written, so that the event loop never waits.
        routes: additional routes; they come before those of TF Serving's interface.
        metrics_path: the path of the metrics; None for no metrics.
        log: gets each request.
    """
    log = log or Log()

    async def call(request: Request, record: RequestRecord) -> Response:
        async with within_deadline(request, engine.limits.timeout) as deadline:
            body = await read_body(request, engine.limits.body)
            work = answer, engine, record, request.method, _path(request), body, deadline
            # Requests for status and metadata, as of health probes, must not wait behind models that run.
            pool = executor if request.method == "POST" else None
            return json_answer(await asyncio.get_running_loop().run_in_executor(pool, *work))

    async def metrics(request: Request) -> Response:
        return Response(engine.metrics.text(), headers={"content-type": CONTENT_TYPE})

    endpoint = make_endpoint(call, log)
    found = list(routes)
    if metrics_path is not None:
        found.append(Route(metrics_path, metrics, methods=["GET"]))
    found.append(Route("/{path:path}", endpoint, methods=_METHODS))
    routed = Starlette(routes=found)

    async def app(scope, receive, send) -> None:
        if scope["type"] == "http" and scope["path"].endswith(":predict"):  # saves the search for the route
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await routed(scope, receive, send)

    return Observer(app, engine, log)


def _path(request: Request) -> str:
    """The path as it was sent, with its query."""
    query = request.scope["query_string"]
    return (request.scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
