"""Thousands of invalid requests, each a mutation of a valid one. See benchmarks/serving.py.

The same seed makes the same requests. Faults are: a status of 500 or more; gRPC's INTERNAL, UNKNOWN or
DATA_LOSS; no answer in time; the end of the server; and another answer to a valid request afterwards. A
connection may end without an answer only if what was sent is not HTTP.
"""

import asyncio
import json
import math
import random
from collections import Counter

import grpc.aio
from google.protobuf.message import DecodeError
from serving_process import PREDICT, Served
from tensorflow_serving.apis.predict_pb2 import PredictRequest

TIMEOUT = 30  # seconds after which a missing answer is a fault
AT_ONCE = 8
BAD_CODES = ("INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE", "DEADLINE_EXCEEDED")

ODD = [
    *(None, True, False, 0, -1, 1, 2**31 - 1, -(2**31), 2**53 + 1, 2**63, 10**30, 10**400, 0.5, -0.0, 1e39),
    *(math.nan, math.inf, -math.inf, "", " ", "\x00", "\ud800", "🦜" * 50, "a" * 100_000, "\u202e\u0301"),
    *(
        [],
        [[]],
        [[[]]],
        [1, [2]],
        {},
        {"b64": "!!"},
        {"b64": ""},
        {"b64": "AP8="},
        {"b64": 1},
        {"b64": "", "x": 1},
    ),
]


def fuzz(folder, examples, options, *, count, seed):
    """Sends mutated requests, nine over REST per one over gRPC: a title, rows, and whether all went well."""
    draw = random.Random(seed)
    with Served(folder, *options) as server:
        right = server.ask(examples.path, examples.rest[0])
        outcomes, wrong = asyncio.run(_send_all(server, examples, count, draw))
        alive = server.process.poll() is None
        same = alive and server.ask(examples.path, examples.rest[0]) == right
        tracebacks = server.log().count("Traceback")
    rows = [
        ("requests", f"{count:,}, seed {seed}"),
        ("outcomes", ", ".join(f"{name}: {number:,}" for name, number in sorted(outcomes.items()))),
        ("the server lives, and answers as before", f"{alive}, {same}"),
        ("tracebacks in its log", str(tracebacks)),
        ("wrong", str(len(wrong))),
        *((outcome, sent[:300]) for outcome, sent in wrong[:10]),
    ]
    return "mutated requests", rows, same and not wrong and not tracebacks


async def _send_all(server, examples, count, draw):
    outcomes, wrong = Counter(), []
    jobs = iter(range(count))

    async def worker():
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            call = channel.unary_unary(PREDICT)
            for index in jobs:
                if index % 10:
                    request, is_http = mutated_http(draw, examples)
                    outcome, bad = await _ask_rest(server, request, is_http)
                else:
                    request = mutated_message(draw, examples)
                    outcome, bad = await _ask_grpc(call, request)
                outcomes[outcome] += 1
                if bad:
                    wrong.append((outcome, repr(request)))

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return outcomes, wrong


async def _ask_rest(server, request, is_http):
    """The outcome of the bytes of a request, and whether it is wrong."""
    host, port = server.rest.rsplit(":", 1)
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return "refused", True
    try:
        writer.write(request)
        if not is_http:
            writer.write_eof()  # the rest will not come
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), TIMEOUT)
        await asyncio.wait_for(reader.read(), TIMEOUT)
        status = int(head.split(b" ", 2)[1])
        return str(status), status >= 500
    except TimeoutError:
        return "hung", True
    except (OSError, asyncio.IncompleteReadError):
        return "closed", is_http
    finally:
        writer.close()


async def _ask_grpc(call, message):
    try:
        await call(message, timeout=TIMEOUT)
    except grpc.aio.AioRpcError as error:
        # Bytes that are no message are INTERNAL in every implementation of gRPC.
        return f"gRPC {error.code().name}", error.code().name in BAD_CODES and _is_message(message)
    return "gRPC OK", False


def _is_message(message):
    try:
        PredictRequest.FromString(message)
    except DecodeError:
        return False
    return True


def mutated_http(draw, examples):
    """The bytes of a request, and whether they are still complete HTTP."""
    method, path, headers = "POST", examples.path, {"Content-Type": "application/json"}
    body = draw.choice(examples.rest)
    for _ in range(draw.randint(1, 3)):
        kind = draw.choices(("document", "text", "path", "method", "header"), (10, 5, 3, 1, 1))[0]
        if kind == "document":
            body = _mutated_document(draw, body)
        elif kind == "text":
            body = _mutated_bytes(draw, body)
        elif kind == "path":
            path = _mutated_path(draw, examples.model)
        elif kind == "method":
            method = draw.choice(("GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "BREW", "post"))
        else:
            name, value = draw.choice(HEADERS)
            headers[name] = value
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    start = f"{method} {path} HTTP/1.1\r\nHost: {draw.choice(HOSTS)}\r\nConnection: close\r\n"
    head = start + "".join(lines) + f"Content-Length: {len(body)}\r\n\r\n"
    request = head.encode(errors="replace") + body
    if draw.random() < 0.05:
        return _mutated_bytes(draw, request), False
    # What is not HTTP is refused at the first line, and its body meets a closed connection.
    return request, path != "*" and path.isascii() and method not in ("BREW", "post")


HOSTS = [*["localhost"] * 19, "x"]  # the last is refused: only this machine can reach the server
HEADERS = [
    ("Content-Type", "text/plain"), ("Content-Type", "multipart/form-data"), ("Accept", "image/png"),
    ("X-Request-Timeout", "abc"), ("X-Request-Timeout", "-1"), ("X-Request-Timeout", "nan"),
    ("X-Request-Id", "a" * 5000), ("Accept-Encoding", "br;q=x"), ("Cookie", "=;=;"), ("Origin", "null"),
]  # fmt: skip


def _mutated_path(draw, model):
    number = draw.choice(("0", "1", "-1", "2", "01", "9" * 25, "１", "1.0", ""))
    label = draw.choice(("stable", "", "%00", "x" * 300))
    verb = draw.choice(("PREDICT", "predict/", "predict?x=1", "pre%64ict", "generate_stream", "generate", ""))
    other = draw.choice(("none", "", "..", "%2e%2e%2f", "x" * 5000, "%ff", "ä"))
    rest = draw.choice(("", "/metadata", "/versions/1/metadata", "/", "//", "/x"))
    paths = [
        f"/v1/models/{model}/versions/{number}:predict",
        f"/v1/models/{model}/labels/{label}:predict",
        f"/v1/models/{model}:{verb}",
        f"/v1/models/{other}:predict",
        f"/v1/models/{model}{rest}",
        *("/", "//", "/v1", "/v2/models", "/v1/models", "*", "/monitoring/x", "/%", "/../etc/passwd"),
    ]
    return draw.choice(paths)


def _mutated_document(draw, body):
    """JSON with one value replaced, removed, renamed, repeated or wrapped."""
    try:
        document = json.loads(body)
        places = list(_places(document))
    except (ValueError, RecursionError):
        return _mutated_bytes(draw, body)
    if not places:
        return json.dumps(draw.choice(ODD)).encode()
    parent, key = draw.choice(places)
    kind = draw.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[f"{key}{draw.choice(('_', ' ', 'x', ''))}".swapcase()] = parent.pop(key)
    elif kind == 2:
        parent[key] = [parent[key]] * draw.choice((0, 1, 2, 50, 2000))
    elif kind == 3:
        for _ in range(draw.choice((1, 2, 70, 500))):
            parent[key] = [parent[key]]
    else:
        parent[key] = draw.choice(ODD)
    try:
        return json.dumps(document).encode()
    except RecursionError:  # wrapped several times
        return body


def _places(value):
    """Each position in a document: the list or object that holds it, and the index or name."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


def _mutated_bytes(draw, data):
    """Bytes that are changed, cut, doubled or mixed with others."""
    place, kind = draw.randrange(len(data) + 1), draw.randrange(6)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + data[place // 2 :]
    if kind == 2:
        return data[:place] + draw.randbytes(draw.randint(1, 8)) + data[place:]
    if kind == 3:
        return data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]
    if kind == 4:
        odd = (
            b"\xef\xbb\xbf",
            b"\xff",
            b"\x00",
            b"[" * 3000,
            b"1e999",
            b"-",
            b"NaN",
            b"\\u12",
            b"//",
            b'{"a":1,"a":2}',
        )
        return data[:place] + draw.choice(odd) + data[place:]
    return b""


def mutated_message(draw, examples):
    """The bytes of an invalid PredictRequest."""
    request = PredictRequest.FromString(draw.choice(examples.grpc))
    name = draw.choice(sorted(request.inputs))
    tensor = request.inputs[name]
    kind = draw.randrange(9)
    if kind == 0:
        request.model_spec.name = draw.choice(("", "none", "x" * 5000, "\x00"))
    elif kind == 1:
        request.model_spec.signature_name = draw.choice(("", "none", "__saved_model_init_op"))
    elif kind == 2:
        request.model_spec.version.value = draw.choice((0, -1, 2**62))
    elif kind == 3:
        del request.inputs[name]
    elif kind == 4:
        tensor.dtype = draw.choice((0, 1, 3, 7, 9, 14, 19, 20, 21, 101))
    elif kind == 5:
        tensor.tensor_shape.dim.add(size=draw.choice((0, 1, 2, -1, 2**31, 2**62)))
    elif kind == 6 and tensor.tensor_shape.dim:
        tensor.tensor_shape.dim[0].size = draw.choice((0, 2, 1000, 2**40, -5))
    elif kind == 7:
        tensor.tensor_content = draw.randbytes(draw.choice((1, 3, 4, 1000)))
    else:
        request.inputs[draw.choice(("extra", "", "x" * 3000))].CopyFrom(tensor)
    message = request.SerializeToString()
    return _mutated_bytes(draw, message) if draw.random() < 0.2 else message
