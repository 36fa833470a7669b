"""Deepgram's recognisers, Nova and Flux, after developers.deepgram.com."""

from typing import ClassVar

from tests.providers.vendors.stt_server import SttConnection

CLOSE = {"type": "CloseStream"}


class NovaConnection(SttConnection):
    path = "/v1/listen"
    signs = ("probably_ended", "ended")

    def take(self, frame):
        if isinstance(frame, bytes):
            assert self.query["encoding"] == "linear16"
            assert self.query["sample_rate"] == str(self.rate)
            assert CLOSE not in self.said
            assert 0 < len(frame) <= 250 * 48
            self.audio += frame
        else:
            assert frame in (CLOSE, {"type": "Finalize"}, {"type": "KeepAlive"})
            if frame == CLOSE:
                self.finished.set()

    async def partial(self, text):
        await self.results(text)

    async def turn(self, text):
        await self.results(text, is_final=True, speech_final=True)

    async def rest(self, text):
        await self.results(text, is_final=True, from_finalize=True)
        await self.send({"type": "Metadata", "request_id": "r1", "duration": 1.0, "channels": 1})
        await self.close()

    async def error(self, words):
        await self.send({"type": "Error", "description": words, "variant": "DATA-0000"})
        await self.close(1011, "NET-0000")

    async def sign(self, sign, text):
        if sign == "probably_ended":
            await self.turn(text)
        else:
            await self.send({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.0})

    async def results(self, text, **flags):
        await self.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "is_final": False,
                "speech_final": False,
                "channel": {"alternatives": [{"transcript": text, "confidence": 0.99, "words": []}]},
                **flags,
            }
        )


class FluxConnection(SttConnection):
    path = "/v2/listen"
    signs = ("probably_ended", "resumed", "ended")
    greeting: ClassVar = {"type": "Connected", "request_id": "r1", "sequence_id": 0}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self._turn = 0

    def take(self, frame):
        if isinstance(frame, bytes):
            assert self.query["encoding"] == "linear16"
            assert self.query["sample_rate"] == str(self.rate)
            assert 0 < len(frame) <= 80 * 48
            self.audio += frame
        else:
            assert frame == CLOSE
            self.finished.set()

    async def partial(self, text):
        await self.info("Update", text)

    async def turn(self, text):
        await self.info("EndOfTurn", text)
        self._turn += 1

    async def rest(self, text):
        """The last message is an interim one, and the closing has no status."""
        await self.info("Update", text)
        await self.close_without_status()

    async def error(self, words):
        await self.send({"type": "Error", "code": "INTERNAL_SERVER_ERROR", "description": words})
        await self.close(1011)

    async def sign(self, sign, text):
        if sign == "ended":
            await self.turn(text)
        else:
            await self.info({"probably_ended": "EagerEndOfTurn", "resumed": "TurnResumed"}[sign], text)

    async def info(self, event, text):
        await self.send(
            {
                "type": "TurnInfo",
                "request_id": "r1",
                "event": event,
                "turn_index": self._turn,
                "transcript": text,
                "words": [],
                "end_of_turn_confidence": 0.5,
            }
        )
