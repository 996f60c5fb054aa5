"""Text token by token: `POST /v1/models/NAME:generate_stream`, for tasks that stream.

This is an addition of kerasapp; TF Serving's REST interface has no streams. The answer is a stream of
server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), one per token that adds
text:

    data: {"text": "To", "tokens": 2}

    event: end
    data: {"full_text": "To be", "stop_reason": "length", "tokens": 5}

The texts of the events, joined, are the full text. An error before the first event is answered with a status
code and {"error": message}. A later error is an `event: error` with {"error": message, "code": name of the
status}.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from kerasapp import spec
from kerasapp.serving.engine import Engine
from kerasapp.serving.models.deadlines import Deadline
from kerasapp.serving.models.versions import Version
from kerasapp.serving.observing.logs import Log
from kerasapp.serving.observing.request_record import RequestRecord
from kerasapp.serving.protocol.errors import StatusError, invalid
from kerasapp.serving.protocol.http_names import STREAM
from kerasapp.serving.protocol.json_tensors import array_from_json, quote
from kerasapp.serving.rest.http_messages import admitted_body, make_endpoint, while_connected, within_deadline
from kerasapp.serving.rest.json_text import parse_object
from kerasapp.serving.rest.streamed_text import Arrays, End, Piece
from kerasapp.spec import TaskSpec

_TYPES = {int: "int32", float: "float", str: "string"}  # of TensorFlow Serving's JSON
_GRACE = 5.0  # seconds after the deadline in which the last event may reach a slow client


def routes(engine: Engine, executor: ThreadPoolExecutor, log: Log | None = None) -> list[Route]:
    """The routes of the streams, for `kerasapp.serving.rest.app.create_app`.

    The engine's limits, deadline and batching hold for each token. The executor makes the tokens, one at a
    time, so that many streams share it fairly. The log gets the errors that nobody expected.
    """
    log = log or Log()

    async def answer(request: Request, record: RequestRecord) -> Response:
        record.api = STREAM
        record.model = engine.registry.known(request.path_params["model"])
        return await _begin(engine, executor, request, record, log)

    name = "/v1/models/{model}"
    paths = (name, name + "/versions/{number:int}", name + "/labels/{label}")
    return [Route(f"{path}:{STREAM}", make_endpoint(answer, log), methods=["POST"]) for path in paths]


async def _begin(
    engine: Engine, executor: ThreadPoolExecutor, request: Request, record: RequestRecord, log: Log
) -> Response:
    """The answer to a request, once its first event is ready; StatusError if there is none."""
    source = None
    try:
        async with within_deadline(request, engine.limits.timeout) as deadline:
            with ExitStack() as held:
                body = await admitted_body(request, engine, held)
                items = stream(engine, record, body, deadline, **request.path_params)
                source = _Source(items, deadline, executor, held.pop_all())
            first = await while_connected(request, deadline, source.submit())
    except BaseException:
        if source is not None:
            source.close()
        raise
    return _EventStream(record, log, first, source, deadline.at + _GRACE)


def stream(
    engine: Engine,
    record: RequestRecord,
    body: bytes,
    deadline: Deadline,
    model: str,
    number: int | None = None,
    label: str | None = None,
) -> Iterator[Piece | End]:
    """The text that a request asks for, token by token; the version is held until the generator is closed.

    Args:
        record: gets the version that answers.
        body: JSON, {"prompt": text} with the knobs that a stream of the task takes beside it.
        deadline: where it is over, the work stops.
        model, number, label: see `Registry.acquire`.

    Raises:
        StatusError: the request is wrong, the model cannot stream, or the engine cannot run it.
    """
    with engine.large_bodies.read(body, deadline):
        document = parse_object(body, deadline)
    with engine.registry.acquire(model, number, label) as version:
        record.version = version.number
        task = task_of(version)
        inputs = read_inputs(document, task)
        if "length" in inputs and "length" not in document:  # the default is not refused, but lowered
            inputs["length"] = np.minimum(inputs["length"], engine.limits.length).astype(np.int32)
        engine.check_limits(inputs, task=task)

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            return engine.run(version, signature, inputs, deadline=deadline)

        yield from spec.resolve(task.stream.loop)(run, inputs, version.bundle.inputs)


def task_of(version: Version) -> TaskSpec:
    """The task of a version, by its signatures; StatusError if it cannot stream."""
    names, streaming = version.bundle.signature_defs.keys(), _streaming()
    known = spec.of_signatures(names)
    for task in streaming:
        if known in (None, task) and set(task.stream.signatures) <= names:
            return task
    either = " nor ".join(f"{', '.join(task.stream.signatures)} ({task.name})" for task in streaming)
    raise StatusError(
        "FAILED_PRECONDITION",
        f"Model {version.model} version {version.number} cannot stream: it has neither the signatures "
        f"{either}. Older exports of kerasapp lack some: export the model again",
    )


def read_inputs(document: dict, task: TaskSpec) -> dict[str, np.ndarray]:
    """The text and the knobs of a request as arrays of one row, defaults filled in.

    Raises:
        StatusError: INVALID_ARGUMENT for a wrong or missing key, a value of another type or out of range.

    Example:
        >>> inputs = read_inputs({"prompt": "To be", "seed": 7}, spec.spec("generation"))
        >>> inputs["prompt"], inputs["seed"], inputs["length"]
        (array([b'To be'], dtype=object), array([7], dtype=int32), array([200], dtype=int32))
    """
    stream = task.stream
    knobs = [knob for knob in task.knobs if stream.knobs is None or knob.name in stream.knobs]
    known = list(dict.fromkeys([*(other.input for other in _streaming()), "text"]))  # all mean the text
    texts = [key for key in known if key in document]
    if len(texts) != 1:
        raise invalid(f"Expected one of '{', '.join(known)}' keys, found {len(texts)}")
    names = [knob.name for knob in knobs]
    unknown = sorted(document.keys() - set(names) - set(texts))
    if unknown:
        raise invalid(f"Unknown key: {quote(unknown[0])}. Expected: {texts[0]}, {', '.join(names)}")
    rows = {
        knob.name: _row(knob.name, document.get(knob.name, knob.default), _TYPES[knob.type]) for knob in knobs
    }
    for knob in knobs:
        try:
            knob.check(rows[knob.name][0], {name: row[0] for name, row in rows.items()})
        except ValueError as error:
            raise invalid(str(error)) from None
    return {task.input: _row(texts[0], document[texts[0]], "string"), **rows}


def _streaming() -> list[TaskSpec]:
    return [task for task in spec.specs() if task.stream]


def _row(key: str, value, dtype: str) -> np.ndarray:
    array = array_from_json(value, dtype)
    if array.ndim:
        raise invalid(f"Key: {key} Expected one value, not a list: a request streams one text")
    return array.reshape(1)


class _Source:
    """A generator that runs in an executor, one item at a time, so that the event loop never waits."""

    def __init__(self, items: Iterator, deadline: Deadline, executor: ThreadPoolExecutor, held: ExitStack):
        self._items, self._deadline, self._executor, self._held = items, deadline, executor, held
        self._pending: Future | None = None

    def submit(self) -> Future:
        """Begins to make the next item; its result is None after the last."""
        self._pending = self._executor.submit(next, self._items, None)
        return self._pending

    async def next(self):
        """The next item; None after the last."""
        return await asyncio.wrap_future(self.submit())

    def close(self) -> None:
        """Ends the work, and frees what it holds once the item that is being made is stopped."""
        self._deadline.leave()
        self._held.callback(self._items.close)
        self._pending.add_done_callback(lambda _: self._held.close())


class _EventStream(StreamingResponse):
    """Sends the events until they end, the client leaves, or the client is too slow to take them."""

    def __init__(self, record: RequestRecord, log: Log, first: Piece | End, source: _Source, deadline: float):
        # Proxies would otherwise hold events back (X-Accel-Buffering is nginx's).
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(record, log, first, source), media_type="text/event-stream", headers=headers)
        self._record, self._source, self._deadline = record, source, deadline

    async def __call__(self, scope, receive, send) -> None:
        self._record.status = "CANCELLED"  # until the events end
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            self._record.status = "DEADLINE_EXCEEDED"  # the client was too slow
        finally:
            self._source.close()


async def _events(
    record: RequestRecord, log: Log, item: Piece | End | None, source: _Source
) -> AsyncIterator[bytes]:
    """The items as server-sent events, from `item` on."""
    try:
        while item is not None:
            if isinstance(item, End):
                data = {"full_text": item.text, "stop_reason": item.stop_reason, "tokens": item.tokens}
                yield _event(data, "end")
            elif item.text:
                yield _event({"text": item.text, "tokens": item.tokens})
            item = await source.next()
        record.status = "OK"
    except Exception as exception:
        error = log.failure(record, exception)
        yield _event({"error": error.message, "code": error.code}, "error")


def _event(data: dict, name: str = "") -> bytes:
    """A server-sent event. JSON escapes line breaks, so the data is one line."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode(errors="replace")
