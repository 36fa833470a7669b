"""xAI's WebSocket for speech on loopback."""

from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer, b64


class XaiVoices(VoiceServer):
    path = "/tts"
    base_path = "/v1"
    key_header = ("Authorization", "Bearer ")

    async def hear(self, connection: Connection, message):
        context = self.context(connection)
        match message["type"]:
            case "text.delta":
                await self.say(connection, context, message["delta"])
            case "text.done" if not context.held:
                await connection.send({"type": "audio.done"})

    def speech(self, context: Context, chunk: Chunk):
        timestamps = {
            "graph_chars": [char for char, _, _ in chunk.characters],
            "graph_times": [[start / 1000, end / 1000] for _, start, end in chunk.characters],
        }
        return [{"type": "audio.delta", "delta": b64(chunk.pcm), "audio_timestamps": timestamps}]

    def error(self, context: Context):
        return [{"type": "error", "message": self.words_of_error}]
