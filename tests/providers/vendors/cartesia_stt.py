"""Cartesia Ink: with turns (docs.cartesia.ai/api-reference/stt/turns/websocket), and Whisper (.../stt/stt)."""

from tests.providers.vendors.stt_server import SttConnection

CLOSE = {"type": "close"}


class InkConnection(SttConnection):
    rate = 16_000

    def take(self, frame):
        assert self.headers["Cartesia-Version"] == "2025-04-16"
        assert self.query["encoding"] == "pcm_s16le"
        assert self.query["sample_rate"] == str(self.rate)
        assert not self.finished.is_set()
        if isinstance(frame, bytes):
            assert len(frame) % 2 == 0
            self.audio += frame
        else:
            self.command(frame)

    async def error(self, words):
        await self.fail(500, words)

    async def fail(self, status, words):
        error = {"title": "Failed", "message": words, "error_code": "failed", "status_code": status}
        await self.send({"type": "error", "request_id": "r1", **error})
        await self.close(1011)


class TurnsConnection(InkConnection):
    path = "/stt/turns/websocket"
    signs = ("probably_ended", "resumed", "ended")
    greeting = {"type": "connected", "request_id": "r1"}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._in_turn = False

    def command(self, frame):
        assert frame == CLOSE
        self.finished.set()

    async def partial(self, text):
        await self.say("turn.update", text)

    async def turn(self, text):
        await self.say("turn.end", text)
        self._in_turn = False

    async def rest(self, text):
        if text:
            await self.turn(text)
        await self.close()

    async def sign(self, sign, text):
        match sign:
            case "probably_ended":
                await self.say("turn.eager_end", text)
            case "resumed":
                await self.send({"type": "turn.resume", "request_id": "r1"})
            case "ended":
                await self.turn(text)

    async def say(self, kind, text):
        if not self._in_turn:
            self._in_turn = True
            await self.send({"type": "turn.start", "request_id": "r1"})
        await self.send({"type": kind, "transcript": text, "request_id": "r1"})


class WhisperConnection(InkConnection):
    """Says what is new since its last final transcript, with the space before it."""

    path = "/stt/websocket"

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._space = ""

    def command(self, frame):
        assert self.said in (["finalize"], ["finalize", "done"])
        if frame == "done":
            self.finished.set()

    async def partial(self, text):
        await self.transcript(self._space + text, is_final=False)

    async def turn(self, text):
        await self.transcript(self._space + text, is_final=True)
        self._space = " "

    async def rest(self, text):
        if text:
            await self.turn(text)
        await self.send({"type": "flush_done", "request_id": "r1"})
        await self.send({"type": "done", "request_id": "r1"})
        await self.close()

    async def transcript(self, text, *, is_final):
        heard = {"text": text, "is_final": is_final, "duration": 0.5, "language": "en", "words": []}
        await self.send({"type": "transcript", "request_id": "r1", **heard})
