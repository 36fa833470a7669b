"""Soniox' WebSocket for speech on loopback. `mute` ends streams without any audio."""

from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer, b64

MAX_STREAMS = 5


class SonioxVoices(VoiceServer):
    path = "/tts-websocket"
    key_header = ("Authorization", "Bearer ")
    mute = False

    async def hear(self, connection: Connection, message):
        if message.get("keep_alive"):
            return
        id = message["stream_id"]
        if "model" in message:
            assert id not in connection.contexts
            self.context(connection, id).details = message
            assert len(connection.contexts) <= MAX_STREAMS
            return
        if message.get("cancel"):
            context = connection.contexts.pop(id, None)
            if context is not None:
                await connection.send(*context.held, {"stream_id": id, "terminated": True})
            return
        context = connection.contexts[id]
        if self.mute:
            del connection.contexts[id]
            await connection.send({"stream_id": id, "terminated": True})
        elif text := message.get("text"):
            await self.say(connection, context, text)
        elif message["text_end"] and not context.held:
            del connection.contexts[id]
            await connection.send({"stream_id": id, "audio": "", "audio_end": True})
            await connection.send({"stream_id": id, "terminated": True})

    def speech(self, context: Context, chunk: Chunk):
        timestamps = {
            "characters": [char for char, _, _ in chunk.characters],
            "character_start_times_seconds": [start / 1000 for _, start, _ in chunk.characters],
            "character_end_times_seconds": [end / 1000 for _, _, end in chunk.characters],
        }
        return [{"stream_id": context.id, "audio": b64(chunk.pcm), "timestamps": timestamps}]

    def error(self, context: Context):
        failed = {"stream_id": context.id, "error_code": 500, "error_message": self.words_of_error}
        return [failed, {"stream_id": context.id, "terminated": True}]
