"""TF Serving's REST interface as a Starlette application.

Paths, status codes and messages follow tensorflow_serving/model_servers (9d981c5c): http_rest_api_util.cc
(paths), http_rest_api_handler.cc (dispatch), http_server.cc (what comes before the handler, status codes,
metrics); and g3doc/api_rest.md. Additions of kerasapp: the headers X-Request-Id, which every answer gives
back, and X-Request-Timeout, a limit on the body, and that pages of other sites cannot ask a local server.
"""

import asyncio
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import CONTENT_TYPE, DEFAULT_PATH
from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.protocol.errors import StatusError
from kerasapp.serving.rest.handler import answer, is_served, note
from kerasapp.serving.rest.http_messages import (
    admitted_body,
    json_answer,
    make_endpoint,
    read_body,
    while_connected,
    within_deadline,
)
from kerasapp.serving.rest.observer import Observer
from kerasapp.serving.rest.origins import foreign

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]  # evhttp_server.cc:114
_ROUTED = ["GET", "HEAD", "POST"]  # the others are answered alike wherever they go
_CORS = {"origin": b"*", "methods": b"POST, GET", "headers": b"Content-Type"}  # http_rest_api_util.cc:40


def create_app(
    engine: Engine,
    executor: ThreadPoolExecutor,
    *,
    routes: Iterable[BaseRoute] = (),
    metrics_path: str | None = DEFAULT_PATH,
    cors: bool = False,
    local: bool = False,
    log: Log | None = None,
) -> Observer:
    """The ASGI application that answers for an engine, whose models may go on loading while it runs.

    Args:
        executor: where requests to models are parsed, run and written, so that the event loop never waits.
        routes: additional routes; they come before those of TF Serving's interface.
        metrics_path: the path of the metrics; None for no metrics.
        cors: pages of any origin may read the answers of TF Serving's interface.
        local: only this machine can reach the server: pages of other sites are refused.
        log: gets each request.
    """
    log = log or Log()

    async def call(request: Request, record: RequestRecord) -> Response:
        if request.method not in _METHODS:  # libevent's answer, http.c of 2.1.12, evhttp_handle_request
            raise StatusError("UNIMPLEMENTED", f"Method not implemented: {request.method}")
        if request.method == "OPTIONS" and is_served(_path(request)):  # ProcessRequest in http_server.cc:170
            allowed = re.search("https?://", request.headers.get("origin", ""))
            record.status = "OK" if allowed else "FAILED_PRECONDITION"
            return Response(status_code=200 if allowed else 400)
        note(engine, record, request.method, _path(request))
        async with within_deadline(request, engine.limits.timeout) as deadline:
            work = answer, engine, record, request.method, _path(request)
            if request.method != "POST":
                # Requests for status and metadata, as of health probes, must not wait behind models that run.
                with ExitStack() as held:
                    body = await read_body(request, engine.limits.body, engine.bodies, held)
                run = asyncio.get_running_loop().run_in_executor
                return json_answer(await run(None, *work, body, deadline))
            with ExitStack() as held:
                body = await admitted_body(request, engine, held)
                running = executor.submit(*work, body, deadline)
                leave = held.pop_all().close  # the work may outlast the request
            running.add_done_callback(lambda _: leave())
            return json_answer(await while_connected(request, deadline, running))

    async def metrics(request: Request) -> Response:
        if _path(request) != metrics_path:  # it has a query: ProcessPrometheusRequest in http_server.cc:96
            wrong = f"Unexpected path: {_path(request)}. Should be {metrics_path}"
            return Response(wrong, 400, media_type="text/plain")
        return Response(engine.metrics.text(), headers={"content-type": CONTENT_TYPE})

    def any_origin(scope) -> bool:
        return cors or scope["method"] == "OPTIONS"  # it runs nothing, and is answered as TF Serving does

    async def refuse(request: Request, record: RequestRecord) -> Response:
        raise StatusError("PERMISSION_DENIED", foreign(request.headers, any_origin(request.scope)))

    endpoint, refused = make_endpoint(call, log), make_endpoint(refuse, log)
    found = list(routes)
    if metrics_path is not None:
        found.append(Route(metrics_path, metrics, methods=_ROUTED))
    found.append(Route("/{path:path}", endpoint, methods=_ROUTED))
    routed = Starlette(routes=found)

    async def app(scope, receive, send) -> None:
        if local and scope["type"] == "http" and foreign(Headers(scope=scope), any_origin(scope)):
            response = await refused(Request(scope, receive))
            await response(scope, receive, send)
        elif scope["type"] == "http" and (
            scope["method"] not in _ROUTED
            or scope["path"].endswith(":predict")  # saves the search for the route
        ):
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await routed(scope, receive, send)

    allow = [(f"access-control-allow-{key}".encode(), value) for key, value in _CORS.items()]
    return Observer(app, engine, log, allow if cors else [])


def _path(request: Request) -> str:
    """The path as it was sent, with its query."""
    query = request.scope["query_string"]
    return (request.scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
