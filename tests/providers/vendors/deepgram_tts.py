"""Deepgram's WebSockets for speech on loopback: Aura at /v1/speak, Flux at /v2/speak."""

from tests.providers.vendors.voices import Chunk, Connection, Context, VoiceServer

MAX_FLUSHES = 20


class DeepgramVoices(VoiceServer):
    path = "/{version}/speak"
    key_header = ("Authorization", "Token ")

    async def hear(self, connection: Connection, message):
        context = self.context(connection)
        flux = connection.request.match_info["version"] == "v2"
        if not context.details:
            context.details = {"flushes": 0}
            hello = {"type": "Connected"} if flux else {"type": "Metadata", "request_id": "1"}
            await connection.send(hello, {"type": "Warning", "description": "Soon it rains.", "code": "W"})
        match message["type"]:
            case "Speak" if flux:
                if not context.said_ms:
                    await connection.send({"type": "SpeechStarted", "speech_id": "dg_sp_1"})
                await self.say(connection, context, message["text"])
            case "Speak":
                context.buffer += message["text"]
            case "Flush":
                context.details["flushes"] += 1
                assert flux or context.details["flushes"] <= MAX_FLUSHES
                text, context.buffer = context.buffer, ""
                assert flux or text, "nothing to flush"
                await self.say(connection, context, text)
                if not context.held:
                    await connection.send({"type": "Flushed", "sequence_id": context.details["flushes"]})
                    if flux:
                        await connection.send({"type": "SpeechMetadata", "speech_id": "dg_sp_1"})
            case "Clear":
                await connection.send(*context.held, {"type": "Cleared"})
            case "Interrupt":
                await connection.send(*context.held, {"type": "SpeechInterrupted"})

    def speech(self, context: Context, chunk: Chunk):
        return [chunk.pcm]

    def error(self, context: Context):
        return [{"type": "Error", "description": self.words_of_error, "code": "BROKEN"}]
