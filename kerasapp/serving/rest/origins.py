"""Who asks a server that only this machine can reach: web pages of other sites may not, through a browser."""

import functools
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def foreign(headers: Mapping[str, str], cors: bool) -> str | None:
    """Why a request to a server of this machine alone is refused; None where it is not.

    The browser names the site of the page that asks in "Origin". A page whose own name leads to this machine
    (DNS rebinding) is told by "Host".

    Args:
        headers: of the request. cors: whether pages of any origin may ask.

    Example:
        >>> foreign({"host": "localhost:8501", "origin": "https://example.org"}, cors=False)
        'Origin https://example.org is not of this machine; see --rest-api-enable-cors-support'
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if host and not is_local(f"//{host}"):
        return (
            f"Host {host[:100]} is no name of this machine; ask for localhost, or serve with --host 0.0.0.0"
        )
    if origin is not None and not cors and not is_local(origin):
        return f"Origin {origin[:100]} is not of this machine; see --rest-api-enable-cors-support"
    return None


@functools.lru_cache(1000)
def is_local(address: str) -> bool:
    """Whether an address such as "http://localhost:8501" or "//[::1]" is of this machine."""
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
