"""Inworld's WebSocket for speech on loopback. The times of words come after their audio, and each flush begins
again at 0. `wav` puts a header before each chunk."""

from antiphon.providers.openai_compatible.wav import wav
from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer, b64, words_of

MAX_CONTEXTS = 5
MAX_TEXT = 1000


class InworldVoices(VoiceServer):
    path = "/tts/v1/voice:streamBidirectional"
    key_header = ("Authorization", "Basic ")
    wav = False

    async def hear(self, connection: Connection, message):
        id = message["contextId"]
        if "create" in message:
            assert id not in connection.contexts
            self.context(connection, id).details = message["create"]
            assert len(connection.contexts) <= MAX_CONTEXTS
            await connection.send(self._result(id, contextCreated={}))
            return
        if id not in connection.contexts:
            status = {"code": 5, "message": f"Context {id} not found"}
            await connection.send({"result": {"contextId": id, "status": status}})
            return
        context = connection.contexts[id]
        if "send_text" in message:
            text = message["send_text"]["text"]
            assert len(text) <= MAX_TEXT
            context.buffer += text
        elif "flush_context" in message:
            text, context.buffer = context.buffer, ""
            await self.say(connection, context, text)
            words = words_of(text, 0)
            times = {
                "words": [word for word, _, _ in words],
                "wordStartTimeSeconds": [start / 1000 for _, start, _ in words],
                "wordEndTimeSeconds": [end / 1000 for _, _, end in words],
            }
            if not context.held:
                chunk = {"audioContent": "", "timestampInfo": {"wordAlignment": times}}
                await connection.send(self._result(id, audioChunk=chunk))
                await connection.send(self._result(id, flushCompleted={}))
        elif "cancel_context" in message or not context.held:
            del connection.contexts[id]
            await connection.send(*context.held, self._result(id, contextClosed={}))

    def speech(self, context: Context, chunk: Chunk):
        audio = wav(chunk.pcm) if self.wav else chunk.pcm
        return [self._result(context.id, audioChunk={"audioContent": b64(audio), "timestampInfo": None})]

    def error(self, context: Context):
        return [self._result(context.id, status={"code": 13, "message": self.words_of_error})]

    def _result(self, id, **content):
        return {"result": {"contextId": id, "status": {"code": 0, "message": ""}, **content}}
