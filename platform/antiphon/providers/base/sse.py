"""Server-sent events, parsed as they arrive (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

CR, LF = 13, 10  # as numbers, bytes are searched for them several times as fast


class SseParser:
    """Takes bytes cut anywhere, gives the `data` of whole events. Other fields and comments are dropped."""

    def __init__(self, max_bytes: int = 1 << 20) -> None:
        self._max_bytes = max_bytes
        self._line = b""  # without its end so far
        self._after_cr = False  # a line feed that comes next belongs to the line before
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Raises ValueError when one is larger than `max_bytes`."""
        if not (self._line or self._data or self._after_cr) and (events := _whole_events(chunk)) is not None:
            return events
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = (self._line + chunk).splitlines(keepends=True)
        self._line = b"" if lines[-1].endswith((b"\r", b"\n")) else lines.pop()
        events = []
        for line in lines:
            text = line.rstrip(b"\r\n")
            if text.startswith(b"data:"):
                self._data.append(text[5:].removeprefix(b" "))
            elif not text and self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
        if len(self._line) + sum(map(len, self._data)) > self._max_bytes:
            raise ValueError(f"An event is larger than {self._max_bytes} bytes.")
        return events


def _whole_events(chunk: bytes) -> list[bytes] | None:
    """What `feed` gives for a chunk of nothing but whole events, as most are; None for others."""
    if not chunk.endswith(b"\n\n"):
        if not chunk.endswith(b"\r\n\r\n"):
            return None
        chunk = chunk.replace(b"\r\n", b"\n")
    if CR in chunk:
        return None
    events = []
    for block in chunk[:-2].split(b"\n\n"):
        if block.startswith(b"data: ") and LF not in block:
            events.append(block[6:])
        elif data := [
            line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")
        ]:
            events.append(b"\n".join(data))
    return events
