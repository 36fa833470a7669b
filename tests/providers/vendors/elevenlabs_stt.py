"""ElevenLabs Scribe in real time, with commits by hand (elevenlabs.io/docs, "Realtime event reference")."""

import base64

from tests.providers.vendors.stt_server import SttConnection

SHORTEST_COMMIT = 16 * 2 * 300  # bytes
MINUTE = 16 * 2 * 60_000


class ElevenLabsConnection(SttConnection):
    """`commits` has the size of the audio of each; Scribe itself never ends a turn, it only says more."""

    path = "/v1/speech-to-text/realtime"
    rate = 16_000
    greeting = {"message_type": "session_started", "session_id": "s1", "config": {}}

    def __init__(self, request, socket):
        super().__init__(request, socket)
        self.commits = []
        self._uncommitted = 0
        self._text = ""

    def take(self, frame):
        assert self.query["audio_format"] == "pcm_16000"
        assert self.query["commit_strategy"] == "manual"
        assert len(self.query.get("language_code", "en")) == 2
        assert frame.keys() == {"message_type", "audio_base_64", "commit", "sample_rate"}
        assert frame["message_type"] == "input_audio_chunk"
        assert frame["sample_rate"] == self.rate
        audio = base64.b64decode(frame["audio_base_64"], validate=True)
        assert len(audio) % 2 == 0
        assert not self.finished.is_set()
        self.audio += audio
        self._uncommitted += len(audio)
        if frame["commit"]:
            assert self._uncommitted >= SHORTEST_COMMIT
            self.commits.append(self._uncommitted)
            if self._uncommitted < MINUTE:  # no turn ends after that
                self.finished.set()
            self._uncommitted = 0

    async def partial(self, text):
        await self.send({"message_type": "partial_transcript", "text": self._text + text})

    async def turn(self, text):
        self._text += text + " "
        await self.partial("")

    async def rest(self, text):
        await self.commit(self._text + text)
        self._text = ""

    async def commit(self, text):
        await self.send({"message_type": "committed_transcript", "text": text})
        words = {"language_code": "en", "words": []}
        await self.send({"message_type": "committed_transcript_with_timestamps", "text": text, **words})

    async def error(self, words):
        await self.fail("transcriber_error", words)

    async def fail(self, kind, words):
        await self.send({"message_type": kind, "error": words})
        await self.close(1011)
