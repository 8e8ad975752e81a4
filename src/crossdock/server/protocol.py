"""HTTP/1.1 in, for senders who may mean harm: bounded heads, and a deadline for every request."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADERS = 100
MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers; what is over is not kept."""
HEAD_DEADLINE_S = 10.0
"""From the first byte of a connection or request to the end of its head."""
REQUEST_DEADLINE_S = 30.0
"""From there to the end of its body: a sender that drips bytes is cut off."""
LINGER_S = 5.0
"""What is still sent after its answer is read and dropped for so long, so that the answer is not lost to a reset."""

_ANSWERS = {
    400: b"the request is not HTTP/1.1",
    408: b"the request did not arrive in time",
    431: b"the request's head is too large",
}
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class _HeadTooLarge(Exception):
    pass


class GuardedProtocol(HttpToolsProtocol):
    """`sweep` is to be called about every second, for each connection."""

    _since: float | None = None
    """when the request that is being read began; None = none is"""
    _in_head = True
    _head_bytes = 0
    _headers = 0
    _refused = 400
    _is_last = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        began_in_head = self._in_head
        super().data_received(data)
        if began_in_head and self._in_head and self._since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._end(431)

    def answers_once_more(self) -> None:
        """The next answer says that it is the last on this connection."""
        self._is_last = True
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def sweep(self, now: float) -> None:
        """Ends the connection when its request is overdue."""
        if self._since is None or self.transport.is_closing():
            return
        answered = self.cycle is not None and self.cycle.response_complete
        deadline_s = HEAD_DEADLINE_S if self._in_head else LINGER_S if answered else REQUEST_DEADLINE_S
        if now - self._since <= deadline_s:
            return
        if self._in_head and not self._head_bytes and not self._headers:
            self.transport.close()  # nothing was ever asked
        elif answered or (self.cycle is not None and self.cycle.response_started and not self._in_head):
            self.transport.abort()
        else:
            self._end(408)

    # --- the parser's callbacks -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._since = self.loop.time()
        self._in_head = True
        self._head_bytes = self._headers = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers come here too: they count, and are not read."""
        self._headers += 1
        self._head_bytes += len(name) + len(value)
        if self._headers > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            self._refused = 431
            raise _HeadTooLarge
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._since = self.loop.time()
        super().on_headers_complete()
        if self._is_last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._since is not None and not self._in_head:
            self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses."""
        self._end(self._refused)

    def _end(self, status: int) -> None:
        if self.transport.is_closing():
            return
        body = _ANSWERS[status]
        head = b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + b"connection: close\r\n\r\n" + body)
        self.transport.close()
