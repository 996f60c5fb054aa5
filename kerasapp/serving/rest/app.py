"""TF Serving's REST interface as a Starlette application.

Paths, status codes and messages follow tensorflow_serving/model_servers: http_rest_api_util.cc (paths),
http_rest_api_handler.cc (dispatch), http_server.cc (codes, metrics); and g3doc/api_rest.md. Additions of
ours: the headers X-Request-Id, given back in every answer, and X-Request-Timeout, and a limit on the body.
"""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kerasapp.serving.engine import Engine
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.metrics import CONTENT_TYPE, DEFAULT_PATH
from kerasapp.serving.observing.request_record import Call
from kerasapp.serving.protocol.errors import StatusError, deadline_exceeded
from kerasapp.serving.rest.http_messages import (
    error_answer,
    json_answer,
    read_body,
    status_answer,
    timeout_of,
)
from kerasapp.serving.rest.observer import Observer, call_of
from kerasapp.serving.rest.predict_api import answer

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(
    engine: Engine,
    executor: ThreadPoolExecutor,
    *,
    routes: Iterable[BaseRoute] = (),
    metrics_path: str | None = DEFAULT_PATH,
    log: Log | None = None,
) -> Observer:
    """The ASGI application that answers for an engine.

    Args:
        engine: the models, which may go on loading while the application runs, and the limits.
        executor: where requests to models are parsed, run and written, so that the event loop never waits.
        routes: what is answered beside TF Serving's interface, and before it.
        metrics_path: where the metrics are; None for nowhere.
        log: gets each request.
    """
    log = log or Log()

    async def endpoint(request: Request) -> Response:
        call = call_of(request.scope)
        try:
            return await _answer(engine, executor, request, call)
        except StatusError as error:
            call.status = error.code
            return status_answer(error)
        except Exception as error:
            call.status = "INTERNAL"
            log.failure(call, error)
            return error_answer(500, f"Internal error: {type(error).__name__}")

    async def metrics(request: Request) -> Response:
        return Response(engine.metrics.text(), headers={"content-type": CONTENT_TYPE})

    found = list(routes)
    if metrics_path is not None:
        found.append(Route(metrics_path, metrics, methods=["GET"]))
    found.append(Route("/{path:path}", endpoint, methods=_METHODS))
    routed = Starlette(routes=found)

    async def app(scope, receive, send) -> None:
        if scope["type"] == "http" and scope["path"].endswith(":predict"):  # looking for the route takes time
            response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await routed(scope, receive, send)

    return Observer(app, engine, log)


async def _answer(engine: Engine, executor: ThreadPoolExecutor, request: Request, call: Call) -> Response:
    """Answers a request by its deadline, whatever the model does; StatusError where it cannot be answered."""
    deadline = time.monotonic() + timeout_of(request, engine.limits.timeout)
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            body = await read_body(request, engine.limits.body)
            if body is None:
                call.status = "INVALID_ARGUMENT"
                return error_answer(413, f"Request body is larger than {engine.limits.body} bytes")
            work = answer, engine, call, request.method, _path(request), body, deadline
            # Asking for status and metadata, as health probes do, is not to wait behind models that run.
            pool = executor if request.method == "POST" else None
            return json_answer(await asyncio.get_running_loop().run_in_executor(pool, *work))
    except TimeoutError:  # an operation that cannot be stopped may run on in its thread
        raise deadline_exceeded() from None
    except ClientDisconnect:
        raise StatusError("CANCELLED", "The client closed the connection") from None


def _path(request: Request) -> str:
    """The path as it was sent, with its query."""
    query = request.scope["query_string"]
    return (request.scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")
