"""The HTTP server: it listens, answers, and stops without cutting a request off."""

import asyncio
import os
import socket
import threading
from contextlib import suppress

import uvicorn

from kerasapp.serving.protocol.addresses import cannot_listen, check_port
from kerasapp.serving.rest.connection import Connection
from kerasapp.serving.rest.observer import Observer

_DRAINING = 0.5  # seconds in which open connections may bring one more request
_KEEP_ALIVE = 75  # seconds; to close an idle connection early can cut off a client that is about to ask


def reserve(host: str, port: int, flag: str = "--rest-port") -> socket.socket:
    """A socket at an address, which does not listen yet; ServingError if the address cannot be had.

    Until it listens, who connects is refused: a probe cannot take a server that loads for one that is ready.
    """
    check_port(host, port, flag)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # Without the protocol asyncio leaves Nagle's algorithm on, and an answer takes 40 ms.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise cannot_listen(host, port, flag, reason) from None
    return listener


class Server(uvicorn.Server):
    """Answers REST, and gRPC beside it, until a signal comes.

    At a signal it takes no new connection, closes every open one after its next answer, and answers the
    requests in flight. A second signal ends the process at once.

    Args:
        rpc: an `RpcServer`, or None.
        line: is printed once both answer.
        patience: seconds that requests in flight have at the end.
    """

    def __init__(self, app: Observer, rpc, line: str, patience: float):
        off = {"log_config": None, "access_log": False, "lifespan": "off", "ws": "none", "http": Connection}
        times = {"timeout_keep_alive": _KEEP_ALIVE, "timeout_graceful_shutdown": patience}
        super().__init__(uvicorn.Config(app, **off, **times))
        self._app, self._rpc, self._line, self._patience = app, rpc, line, patience
        self.stopped_by: int | None = None  # the signal that came

    def handle_exit(self, sig: int, frame) -> None:
        """A signal came."""
        if self.stopped_by is not None:
            os._exit(128 + sig)  # an ordinary exit could wait for TensorFlow's threads
        self.stopped_by = sig
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers from now on, and prints the line."""
        await super().startup(sockets=sockets)
        if self._rpc is not None:
            self._rpc.start()
        print(self._line, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops as described at the class."""
        loop = asyncio.get_running_loop()
        self._app.draining = True
        waiting = [connection for listener in sockets or () for connection in _take_waiting(listener)]
        stop = threading.Thread(target=lambda: self._rpc and self._rpc.stop(self._patience), daemon=True)
        stop.start()
        for server in self.servers:
            server.close()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        end = loop.time() + _DRAINING
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets=sockets)
        await asyncio.to_thread(stop.join)

    def _protocol(self) -> asyncio.Protocol:
        """The protocol that answers one connection, as in `uvicorn.Server.startup`."""
        states = {"server_state": self.server_state, "app_state": self.lifespan.state}
        return self.config.http_protocol_class(config=self.config, **states)


def _take_waiting(listener: socket.socket) -> list[socket.socket]:
    """The connections that wait in the kernel for a socket; later ones are refused.

    For their clients they are open, and requests may be sent: if the socket were closed, they would be cut
    off.
    """
    listener.setblocking(False)
    waiting = []
    with suppress(OSError):  # BlockingIOError: there are no more
        while True:
            waiting.append(listener.accept()[0])
    with suppress(OSError):  # not every system can
        listener.shutdown(socket.SHUT_RD)
    return waiting
