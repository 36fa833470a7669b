"""xAI speech to text over a WebSocket (docs.x.ai, "Speech to text - Streaming")."""

from tests.providers.vendors.stt_server import SttConnection


class XaiConnection(SttConnection):
    path = "/v1/stt"
    signs = ("ended",)
    greeting = {"type": "transcript.created", "id": "t1"}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self.created = self.greeting is not None

    def take(self, frame):
        assert self.created, "audio only after transcript.created"
        assert not self.finished.is_set()
        assert self.query["encoding"] == "pcm"
        assert self.query["sample_rate"] == str(self.rate)
        if isinstance(frame, bytes):
            assert len(frame) % 2 == 0
            self.audio += frame
        else:
            assert frame == {"type": "audio.done"}
            self.finished.set()

    async def partial(self, text):
        await self.say(text)

    async def turn(self, text):
        await self.say(text, is_final=True)
        await self.say(text, is_final=True, speech_final=True)

    async def rest(self, text):
        await self.send({"type": "transcript.done", "text": text, "words": [], "duration": 1.0})

    async def error(self, words):
        await self.send({"type": "error", "message": words})
        await self.close(1011)

    async def sign(self, sign, text):
        await self.turn(text)

    async def say(self, text, *, is_final=False, speech_final=False):
        finality = {"is_final": is_final, "speech_final": speech_final}
        heard = {"text": text, "language": "", "words": [], "start": 0.0, "duration": 0.5}
        await self.send({"type": "transcript.partial", **heard, **finality})
