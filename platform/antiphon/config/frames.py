"""The WebSocket protocol of a web process: uvicorn's, with a short way for the frame that nearly all are.

With an audio frame every 20 ms, reading frames is a good part of what a session costs. Where only whole messages of
text came, they are read here in a fraction of the time; all else, and all that can be wrong with a frame, is the
library's. RFC 6455, section 5.2.
"""

from types import GeneratorType

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # the fastest that is installed
from websockets.protocol import OPEN
from websockets.streams import StreamReader

_WHOLE_TEXT = 0x81  # the first byte: the only frame of its message, text, without extensions
_SHORT = 0x80 | 125  # the second: masked, and up to 125 bytes
_MEDIUM = 0x80 | 126  # masked, and two bytes of length follow
_MASK = 4  # bytes
_WAITS_FOR_A_FRAME = StreamReader.at_eof.__code__
_MOST_UNREAD = 2  # messages, from which on the client has to wait


class QuickFrames(WebSocketsSansIOProtocol):
    def data_received(self, data: bytes) -> None:
        texts = _texts_of(data) if self._is_between_messages() else None
        if texts is None:
            super().data_received(data)
            return
        for text in texts:
            self.queue.put_nowait({"type": "websocket.receive", "text": text})
        # The library's way pauses at each message, which is two system calls more.
        if not self.read_paused and self.queue.qsize() >= _MOST_UNREAD:
            self.read_paused = True
            self.transport.pause_reading()

    def _is_between_messages(self) -> bool:
        """The library waits for the first byte of a frame that does not continue another."""
        connection = self.conn
        if connection.state is not OPEN or connection.cur_size is not None or connection.reader.buffer:
            return False
        parser: object = connection.parser
        while isinstance(parser, GeneratorType) and parser.gi_yieldfrom is not None:
            parser = parser.gi_yieldfrom
        return isinstance(parser, GeneratorType) and parser.gi_code is _WAITS_FOR_A_FRAME


def _texts_of(data: bytes) -> list[str] | None:
    """The messages, if whole text frames below 64 KiB are all that came."""
    texts, at, size = [], 0, len(data)
    while at < size:
        if size - at < 2 + _MASK or data[at] != _WHOLE_TEXT:
            return None
        second = data[at + 1]
        if 0x80 <= second <= _SHORT:
            start, length = at + 2 + _MASK, second & 0x7F
        elif second == _MEDIUM:
            start, length = at + 4 + _MASK, data[at + 2] << 8 | data[at + 3]
        else:
            return None
        at = start + length
        if at > size:
            return None
        try:
            texts.append(apply_mask(data[start:at], data[start - _MASK : start]).decode())
        except UnicodeDecodeError:
            return None
    return texts
