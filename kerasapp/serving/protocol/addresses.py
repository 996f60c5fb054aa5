"""Addresses of servers: the usual ports, and how to read, write and check them."""

import ipaddress
from collections.abc import Sequence

from kerasapp.serving.protocol.errors import ServingError

REST_PORT, GRPC_PORT = 8501, 8500  # TF Serving's


def parse_address(text: str, schemes: Sequence[str], port: int) -> tuple[str, str]:
    """Scheme, and host with port, of an address; ValueError for a text that is none.

    Args:
        text: "HOST", "HOST:PORT" or "SCHEME://HOST:PORT".
        schemes: those allowed; the first is the default.
        port: the default.

    Example:
        >>> parse_address("localhost", ("http",), 8501)
        ('http', 'localhost:8501')
    """
    scheme, mark, rest = text.partition("://")
    scheme, rest = (scheme, rest) if mark else (schemes[0], text)
    host, _, number = rest.rpartition(":") if rest.count(":") == 1 or "]:" in rest else (rest, "", str(port))
    bare = host.removeprefix("[").removesuffix("]")
    odd = not bare or set(bare) & set("/?#@ []") or (":" in bare and bare == host)
    if scheme not in schemes or odd or not number.isdecimal() or not 0 < int(number) < 2**16:
        forms = " or ".join(["HOST:PORT", *(f"{name}://HOST:PORT" for name in schemes)])
        raise ValueError(f"{text!r} is not a server's address, {forms}")
    return scheme, f"{host}:{number}"


def is_loopback(address: str) -> bool:
    """Whether a "HOST:PORT" is this machine itself, to which no proxy leads.

    Example:
        >>> is_loopback("[::1]:8500"), is_loopback("example.org:8500")
        (True, False)
    """
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def join_address(host: str, port: int) -> str:
    """Host and port as one text.

    Example:
        >>> join_address("::1", 8500)
        '[::1]:8500'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_port(host: str, port: int, flag: str) -> None:
    """Raises ServingError for a number that is no port: the C library would take it modulo 2**16."""
    if not 0 <= port < 2**16:
        raise cannot_listen(host, port, flag, "a port is 0 to 65535")


def cannot_listen(host: str, port: int, flag: str, reason: object) -> ServingError:
    """The error of an address that a server cannot have; `flag` is the one that chooses another port."""
    return ServingError(f"cannot listen on {host}, port {port}: {reason}; try another {flag}")
