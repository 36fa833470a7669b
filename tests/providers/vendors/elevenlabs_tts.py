"""ElevenLabs' multi-context WebSocket on loopback."""

from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer, b64

MAX_CONTEXTS = 5


class ElevenLabsVoices(VoiceServer):
    path = "/text-to-speech/{voice}/multi-stream-input"
    base_path = "/v1"
    key_header = ("xi-api-key", "")

    async def hear(self, connection: Connection, message):
        id = message["context_id"]
        if id not in connection.contexts:
            assert message["text"] == " "
        context = self.context(connection, id)
        if len(connection.contexts) > MAX_CONTEXTS:
            await connection.send({"message": "Too many", "error": "max_active_conversations", "code": 1008})
            await connection.socket.close(code=1008)
        text = message.get("text", " ")
        assert text.endswith(" ")
        if text != " ":
            context.buffer += text
        if message.get("flush"):
            context.ending = text == " "
            text, context.buffer = context.buffer, ""
            await self.say(connection, context, text)
        if message.get("close_context") and context.ending and context.held:
            context.ending = False  # it says nothing; when it is closed again, it is cancelled
        elif message.get("close_context"):
            await connection.send(*context.held, {"isFinal": True, "contextId": id, "audio": None})
            del connection.contexts[id]

    def speech(self, context: Context, chunk: Chunk):
        alignment = {
            "chars": [char for char, _, _ in chunk.characters],
            "charStartTimesMs": [start - chunk.at_ms for _, start, _ in chunk.characters],
            "charDurationsMs": [end - start for _, start, end in chunk.characters],
        }
        frame = {"audio": b64(chunk.pcm), "contextId": context.id, "isFinal": None}
        return [frame | {"alignment": alignment, "normalizedAlignment": alignment}]

    def error(self, context: Context):
        return [{"contextId": context.id, "error": "broken", "message": self.words_of_error, "code": 500}]
