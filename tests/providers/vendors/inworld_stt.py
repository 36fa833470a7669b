"""Inworld speech to text over a WebSocket (docs.inworld.ai, "Transcribe audio (WebSocket)")."""

import base64

from tests.providers.vendors.stt_server import SttConnection


class InworldConnection(SttConnection):
    """`config` is what it was told first."""

    path = "/stt/v1/transcribe:streamBidirectional"
    rate = 16_000
    signs = ("ended",)

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self.config = None
        self._turn_is_over = False

    def take(self, frame):
        assert not self.finished.is_set()
        assert len(frame) == 1
        [(kind, value)] = frame.items()
        assert (kind == "transcribeConfig") == (self.config is None)
        match kind:
            case "transcribeConfig":
                self.config = value
                assert value["audioEncoding"] == "LINEAR16"
                assert value["sampleRateHertz"] == self.rate
                assert value["numberOfChannels"] == 1
            case "audioChunk":
                assert not self._turn_is_over
                self.audio += base64.b64decode(value["content"], validate=True)
            case "endTurn":
                self._turn_is_over = True
            case _:
                assert frame == {"closeStream": {}}
                if self._turn_is_over:
                    self.finished.set()

    async def partial(self, text):
        await self.send({"result": {"speechStarted": {"startTimeMs": 100, "confidence": 0.9}}})
        await self.send({"result": {"transcription": {"transcript": text, "isFinal": False}}})

    async def turn(self, text):
        await self.send({"result": {"speechStopped": {"silenceDurationMs": 300}}})
        await self.send({"result": {"transcription": {"transcript": text, "isFinal": True}}})

    async def rest(self, text):
        """Of no words the text is left out, as Protocol Buffers do."""
        said = {"transcript": text} if text else {}
        await self.send({"result": {"transcription": {**said, "isFinal": True}}})
        await self.close()

    async def error(self, words):
        await self.fail(13, words)

    async def fail(self, code, words):
        await self.send({"error": {"code": code, "message": words, "details": []}})
        await self.close(1011)

    async def sign(self, sign, text):
        await self.turn(text)
