"""AssemblyAI's streaming recognition, version 3, after assemblyai.com/docs/streaming/message-sequence."""

from typing import ClassVar

from tests.providers.vendors.stt_server import SttConnection

TERMINATE = {"type": "Terminate"}


class AssemblyAiConnection(SttConnection):
    """It formats turns if asked to: their final text comes twice then."""

    path = "/v3/ws"
    signs = ("ended",)
    greeting: ClassVar = {"type": "Begin", "id": "s1", "expires_at": 1_800_000_000}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._turn = 0

    def take(self, frame):
        if isinstance(frame, bytes):
            assert self.query["encoding"] == "pcm_s16le"
            assert self.query["sample_rate"] == str(self.rate)
            assert TERMINATE not in self.said
            assert 50 * 48 <= len(frame) <= 1000 * 48, "Input Duration Violation"
            self.audio += frame
        else:
            assert frame in (TERMINATE, {"type": "ForceEndpoint"})
            if frame == TERMINATE:
                self.finished.set()

    async def partial(self, text):
        """The last word may still change, so it is in `words` only."""
        words = [{"text": word, "word_is_final": True} for word in text.split()]
        words[-1]["word_is_final"] = False
        await self.info(" ".join(text.split()[:-1]), words=words)

    async def turn(self, text):
        if self.query.get("format_turns") == "true":
            await self.info(text.lower().strip("."), end_of_turn=True)
        await self.info(text, end_of_turn=True, turn_is_formatted=True)
        self._turn += 1

    async def rest(self, text):
        if text:
            await self.turn(text)
        await self.send({"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 2})
        await self.close()

    async def error(self, words):
        await self.send({"type": "Error", "error_code": 3005, "error": words})
        await self.close(3005, words)

    async def sign(self, sign, text):
        await self.turn(text)

    async def info(self, transcript, **fields):
        await self.send(
            {
                "type": "Turn",
                "turn_order": self._turn,
                "turn_is_formatted": False,
                "end_of_turn": False,
                "transcript": transcript,
                "end_of_turn_confidence": 0.5,
                "words": [],
                **fields,
            }
        )
