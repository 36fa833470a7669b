"""Server-sent events, parsed as they arrive (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

CR = 13  # as a number, bytes are searched for it several times as fast


class SseParser:
    """Takes bytes cut anywhere, gives the `data` of whole events. Other fields and comments are dropped."""

    def __init__(self, max_bytes: int = 1 << 20) -> None:
        self._max_bytes = max_bytes
        self._line = b""  # without its end so far
        self._after_cr = False  # a line feed that comes next belongs to the line before
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Raises ValueError when one is larger than `max_bytes`."""
        if self._after_cr or CR in chunk:
            chunk = self._with_line_feeds(chunk)
        lines = (self._line + chunk).split(b"\n")
        self._line = lines.pop()
        events = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(b"\n".join(data))
                    data.clear()
            elif line.startswith(b"data: "):
                data.append(line[6:])
            elif line.startswith(b"data:"):
                data.append(line[5:])
        if (self._line or data) and len(self._line) + sum(map(len, data)) > self._max_bytes:
            raise ValueError(f"An event is larger than {self._max_bytes} bytes.")
        return events

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Lines may end in a carriage return, a line feed, or both; here in a line feed."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
