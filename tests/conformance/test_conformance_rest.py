"""The REST cases of cases/rest_*.yaml, put to our server or to the one at TFS_URL."""

import gzip
import http.client
import json
import re

import pytest
from conformance_cases import load


def send(address: str, case: dict) -> tuple[http.client.HTTPResponse, bytes]:
    """Sends the request exactly as the case writes it; nothing in the path is quoted or put right."""
    body = bytes.fromhex(case["body_hex"]) if "body_hex" in case else case.get("body", "").encode()
    if "body_bytes" in case:
        body = b" " * case["body_bytes"]
    if "body_parts" in case:
        body = "".join(text * times for text, times in case["body_parts"]).encode()
    if case.get("gzip"):
        body = gzip.compress(body)
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.putrequest(case["method"], case["path"], skip_accept_encoding=True)
        for key, value in case.get("headers", {}).items():
            connection.putheader(key, value)
        chunked = case.get("chunked", False)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif body or case["method"] not in ("GET", "HEAD"):
            connection.putheader("Content-Length", str(len(body)))
        pieces = [body[:5], body[5:]] if chunked else body
        connection.endheaders(pieces, encode_chunked=chunked)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def is_part(part, whole) -> bool:
    """Whether JSON holds at least what another does; lists must be of one length."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and is_part(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(is_part, part, whole))
    return part == whole


def bare(text: str) -> str:
    """Text without white space, which a server may set as it likes."""
    return re.sub(r"\s", "", text)


def canonical(value) -> str:
    return json.dumps(value, sort_keys=True)  # NaN is NaN, and 1 is not 1.0


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", load("rest"))
def test_rest(target, case):
    target.skip_unless(case, "rest")
    response, content = send(target.rest, case)
    text = content.decode("utf-8", "replace")
    assert response.status == case["status"], text
    if case["method"] == "HEAD" or case.get("empty"):
        assert content == b""
        return
    if response.status not in (404, 501) or "error" in case:  # what is nobody's may be answered in any form
        found = response.getheader("Content-Type").partition(";")[0]
        assert found == case.get("type", "application/json")
    error = case.get("error") or (case.get("error_here") if target.embedded else None)
    if error:
        found = json.loads(text)
        assert found.keys() == {"error"}
        assert error in found["error"]
    if "answer" in case:
        assert canonical(json.loads(text)) == canonical(json.loads(case["answer"]))
    if "part" in case:
        assert is_part(json.loads(case["part"]), json.loads(text)), text
    for piece in as_list(case.get("has", [])):
        assert bare(piece) in bare(text)
    for piece in as_list(case.get("has_not", [])):
        assert bare(piece) not in bare(text)
