"""The addresses of a server: where it listens, and the line that says so."""

import socket
from collections.abc import Mapping

from kerasapp.serving.protocol.errors import ServingError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ServingError where the address cannot be had."""
    if not 0 <= port < 2**16:  # the C library would take it modulo 2**16
        raise ServingError(
            f"cannot listen on {host}, port {port}: a port is 0 to 65535; try another --rest-port"
        )
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # Without the protocol asyncio leaves Nagle's algorithm on, and an answer takes 40 ms.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(
            f"cannot listen on {host}, port {port}: {reason}; try another --rest-port"
        ) from None
    return listener


def ready_line(available: Mapping[str, list[int]], listener: socket.socket, grpc_port: int | None) -> str:
    """What a server prints once it answers.

    Args:
        available: the versions that can be asked, by model.
        listener: REST's socket.
        grpc_port: None where there is no gRPC.
    """
    address, port = listener.getsockname()[:2]
    host = f"[{address}]" if ":" in address else address
    models = [
        f"{name} (version{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))})"
        for name, numbers in available.items()
    ]
    grpc = "" if grpc_port is None else f", gRPC at {host}:{grpc_port}, REST"
    return f"Serving {', '.join(models)}{grpc} at http://{host}:{port}"
