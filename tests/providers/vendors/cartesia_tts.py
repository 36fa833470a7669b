"""Cartesia's WebSocket for speech on loopback. The times of words come before their audio."""

from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer, b64, words_of


class CartesiaVoices(VoiceServer):
    path = "/tts/websocket"
    key_header = ("X-API-Key", "")

    async def hear(self, connection: Connection, message):
        id = message["context_id"]
        if message.get("cancel"):
            context = connection.contexts.pop(id, None)
            if context is not None:
                await connection.send(*context.held, self._done(id))
            return
        context = self.context(connection, id)
        assert message["output_format"] == {
            "container": "raw",
            "encoding": "pcm_s16le",
            "sample_rate": 24000,
        }
        if text := message["transcript"]:
            words = words_of(text, context.said_ms)
            times = {
                "words": [word for word, _, _ in words],
                "start": [start / 1000 for _, start, _ in words],
                "end": [end / 1000 for _, _, end in words],
            }
            await connection.send(
                {"type": "timestamps", "done": False, "context_id": id, "word_timestamps": times}
            )
            await self.say(connection, context, text)
            if not context.held:
                await connection.send({"type": "flush_done", "done": False, "context_id": id})
        if not message["continue"] and not context.held:
            await connection.send(self._done(id))
            del connection.contexts[id]

    def speech(self, context: Context, chunk: Chunk):
        return [{"type": "chunk", "done": False, "data": b64(chunk.pcm), "context_id": context.id}]

    def error(self, context: Context):
        frame = {"type": "error", "done": True, "status_code": 500, "title": "Broken"}
        return [frame | {"message": self.words_of_error, "context_id": context.id}]

    def _done(self, id):
        return {"type": "done", "done": True, "status_code": 206, "context_id": id}
