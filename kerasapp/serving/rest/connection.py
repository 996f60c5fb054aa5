"""One HTTP connection: what uvicorn leaves open to its clients is bounded here, in time and in size."""

import math
import socket

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_HEAD_BYTES = 128 * 2**10  # of a request line and headers that are not complete
_HEAD_SECONDS = 20.0  # from the first byte of a request to the end of its headers
_PATIENCE = 0.08  # seconds after which a client that sends no more is asked whether it is there
_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"  # clients skip it; the system of one that has left refuses it
_OFFER = (b"connection", b"upgrade", b"http2-settings")


class Connection(HttpToolsProtocol):
    """uvicorn's protocol on httptools, for clients that nobody knows.

    - The head of a request comes within 20 seconds and 128 KiB, or the connection ends with 408 or 431.
    - A connection without a request ends when an idle one does, and so does one whose answer is not taken.
    - An offer to speak another protocol, such as "Upgrade: h2c", is passed over.
    - A client that closes its side after the request gets its answer. One that has left looks the same until
      something is sent to it.
    """

    def connection_made(self, transport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._head_bytes, self._unsent, self._offered = 0, math.inf, False
        self._head_timer = self._eof_timer = None
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        for timer in (self.timeout_keep_alive_task, self._head_timer, self._eof_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what has come."""
        rest = data
        try:
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            self._stop_head_timer()
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
        self._head_bytes = 0 if self._head_timer is None else self._head_bytes + len(data)
        if self._head_bytes > _HEAD_BYTES:
            self._refuse(431)

    def _parse(self, data: bytes) -> bytes:
        """Parses, and gives what is still to be parsed."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._offered:
                head = self._head_without_offer()
                self._offered = False
                self.parser = httptools.HttpRequestParser(self)  # the old one may wait for the other protocol
                return head + data[offer.args[0] :]
        return b""

    def _head_without_offer(self) -> bytes:
        close = any(name == b"connection" and b"close" in value.lower() for name, value in self.headers)
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] not in _OFFER]
        return b"\r\n".join([*lines, *[b"connection: close"] * close, b"", b""])

    def on_message_begin(self) -> None:
        """A request begins."""
        self._unset_keepalive_if_required()
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._refuse, 408)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        self._stop_head_timer()
        self._offered = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._offered:  # its body comes, too
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body of a request is here."""
        if not self._offered:
            super().on_message_complete()

    def eof_received(self) -> bool:
        """The client sends no more: True if it may still wait for an answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        if self.scope["http_version"] == "1.1" and not self.pipeline:
            self._eof_timer = self.loop.call_later(_PATIENCE, self._ask_whether_there)
        return True

    def _ask_whether_there(self) -> None:
        if not self.cycle.response_started and not self.transport.is_closing():
            self.transport.write(_PROBE)
            self._look_whether_there(_PATIENCE / 8)

    def _look_whether_there(self, seconds: float) -> None:
        if self.transport.is_closing():
            return
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        else:
            self._eof_timer = self.loop.call_later(seconds, self._look_whether_there, min(2 * seconds, 1.0))

    def timeout_keep_alive_handler(self) -> None:
        """The connection was idle for long, or its client has not taken the whole answer."""
        unsent = self.transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._wait_for_request()
        else:
            self.transport.abort()

    def _wait_for_request(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int) -> None:
        """Ends the connection because of a head that does not end, after the answers that are due."""
        self._stop_head_timer()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(STATUS_LINE[status] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()
        else:
            self.cycle.keep_alive = False
