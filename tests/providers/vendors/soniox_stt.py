"""Soniox's streaming recognition, after soniox.com/docs/stt/api-reference/websocket-api."""

from tests.providers.vendors.stt_server import SttConnection


class SonioxConnection(SttConnection):
    path = "/transcribe-websocket"
    signs = ("ended",)

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._text = ""

    def take(self, frame):
        if isinstance(frame, bytes):
            assert len(self.said) >= 1, "Audio before the request"
            assert "" not in self.said
            self.audio += frame
        elif len(self.said) == 1:
            assert frame["audio_format"] == "pcm_s16le"
            assert (frame["sample_rate"], frame["num_channels"]) == (self.rate, 1)
        else:
            assert frame in ("", {"type": "finalize"}, {"type": "keepalive"})
            if frame == "":
                self.finished.set()

    async def partial(self, text):
        await self.tokens(*self._pieces(text))

    async def turn(self, text):
        await self.final(text)
        await self.tokens(("<end>", True))

    async def rest(self, text):
        await self.final(text)
        await self.tokens(("<fin>", True))
        await self.send({"tokens": [], "finished": True})
        await self.close()

    async def error(self, words):
        await self.send({"tokens": [], "error_code": 500, "error_message": words})
        await self.close(1011)

    async def sign(self, sign, text):
        await self.turn(text)

    async def final(self, text):
        await self.tokens(*((piece, True) for piece, _ in self._pieces(text)))
        self._text += text

    async def tokens(self, *tokens):
        said = [{"text": text, "is_final": final, "start_ms": 0, "end_ms": 60} for text, final in tokens]
        await self.send({"tokens": said, "final_audio_proc_ms": 60, "total_audio_proc_ms": 120})

    def _pieces(self, text):
        """In fours, with a space before the text if it continues another."""
        spaced = f" {text}" if self._text and text else text
        return [(spaced[start : start + 4], False) for start in range(0, len(spaced), 4)]
