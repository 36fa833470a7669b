"""`manage.py talk FILE.wav`: one spoken turn, without a server."""

import asyncio
import time
import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from msgspec import structs

from antiphon.audio.pcm import AudioFileError, read_audio, write_wav
from antiphon.config.env import env
from antiphon.engine.ids import Ids
from antiphon.engine.machine import Limits
from antiphon.engine.observers.latency import LatencyObserver, TurnLatency
from antiphon.engine.ports import UnknownModel
from antiphon.engine.session import Host, RunningSession
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import InputAudioAppend
from antiphon.protocol.responses import Response
from antiphon.protocol.session import (
    AudioInput,
    AudioOutput,
    SemanticVad,
    Session,
    SessionAudio,
    Transcription,
)
from antiphon.transports.memory import MemoryTransport

if TYPE_CHECKING:
    from antiphon.config.inference import Inference

_FRAME = 960  # bytes of PCM16 at 24 kHz: 20 ms
_PAUSE = bytes(_FRAME * 50)  # one second of silence
_LONGEST_WAIT = 60.0  # seconds for the answer to be complete once the file has ended


class Command(BaseCommand):
    help = "Speaks an audio file to a model, prints both sides' words and saves the reply."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="an audio file of any common rate and number of channels")
        parser.add_argument("--model", default="", help="provider/model; the default is DEFAULT_MODEL")
        parser.add_argument("--voice", default="alloy")
        parser.add_argument("--instructions", default="")
        parser.add_argument("--reply", type=Path, help="where to save the reply; default FILE-reply.wav")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            speech = read_audio(file)
        except AudioFileError as error:
            raise CommandError(str(error)) from None
        reply = options["reply"] or Path(f"{file.stem}-reply.wav")
        try:
            spoken = asyncio.run(self._talk(speech, options))
        except UnknownModel as error:
            raise CommandError(str(error)) from None
        if not spoken:
            raise CommandError("There was no spoken reply: no words were heard in the file.")
        write_wav(reply, spoken)
        self.stdout.write(f"reply saved to {reply} ({len(spoken) / 48_000:.1f} s)")

    async def _talk(self, speech: bytes, options: dict[str, Any]) -> bytes:
        from antiphon.config.inference import load_inference  # takes seconds, and files are refused at once

        inference = load_inference(env())
        await inference.warm_up()
        try:
            return await self._converse(inference, speech, options)
        finally:
            await inference.aclose()

    async def _converse(self, inference: "Inference", speech: bytes, options: dict[str, Any]) -> bytes:
        models = inference.models_for(options["model"])
        model = options["model"] or inference.defaults.language_model
        models.language_model(model)
        audio = SessionAudio(
            input=AudioInput(transcription=Transcription(), turn_detection=SemanticVad(eagerness="high")),
            output=AudioOutput(voice=options["voice"]),
        )
        session = Session(
            id=f"sess_{uuid.uuid4().hex[:21]}", model=model, expires_at=int(time.time()) + 3600, audio=audio
        )
        if options["instructions"]:
            session = structs.replace(session, instructions=options["instructions"])
        transport = MemoryTransport(paced=False)
        observers = (LatencyObserver(self._print_latency),)
        host = Host(models, inference.voice_activity, inference.end_of_turn, Limits(), observers)
        async with asyncio.TaskGroup() as group:
            group.create_task(RunningSession(session, transport, host, Ids()).run())
            listener = _Listener(self.stdout, self.stderr)
            group.create_task(listener.listen(transport))
            await _stream(transport, speech + _PAUSE)
            keep_silent = group.create_task(_stream(transport, _PAUSE * 3600))
            try:
                async with asyncio.timeout(_LONGEST_WAIT):
                    await listener.idle.wait()
            except TimeoutError:
                self.stderr.write(f"no answer came within {_LONGEST_WAIT:.0f} s")
            finally:
                keep_silent.cancel()
                transport.hang_up()
        return listener.reply

    def _print_latency(self, turn: TurnLatency) -> None:
        stages = ", ".join(f"{name} {ms:.0f} ms" for name, ms in turn.stages.items())
        self.stdout.write(f"       [{stages}; in all {turn.total:.0f} ms after the end of the turn]")


class _Listener:
    """Prints what both sides say as it arrives, and keeps the last answer's audio.

    `idle` is set while nobody speaks and every turn has been answered.
    """

    def __init__(self, out: OutputWrapper, err: OutputWrapper) -> None:
        self._out, self._err = out, err
        self._audio = bytearray()
        self._answering = False
        self._unanswered = 0
        self._speaking = False
        self.reply = b""
        self.idle = asyncio.Event()
        self.idle.set()

    async def listen(self, transport: MemoryTransport) -> None:
        async for event in transport.events():
            self._note(event)
            if self._speaking or self._unanswered:
                self.idle.clear()
            else:
                self.idle.set()

    def _note(self, event: ev.ServerEvent) -> None:
        match event:
            case ev.InputAudioSpeechStarted():
                self._speaking = True
            case ev.InputAudioSpeechStopped():
                self._speaking = False
                self._unanswered += 1
            case ev.TranscriptionCompleted(transcript=words):
                self._out.write(f"  you: {words or '(nothing that sounds like words)'}")
            case ev.TranscriptionFailed(error=error):
                self._err.write(f"  your words were not recognised: {error.message}")
            case ev.OutputTranscriptDelta(delta=words):
                self._out.write(words if self._answering else f"agent: {words}", ending="")
                self._out.flush()
                self._answering = True
            case ev.OutputAudioDelta(delta=pcm):
                self._audio += pcm
            case ev.ResponseDone(response=response):
                self._answered(response)

    def _answered(self, response: Response) -> None:
        self._unanswered -= 1
        if self._answering:
            self._out.write("")
        self._answering = False
        if response.status_details and response.status_details.error:
            self._err.write(f"the response failed: {response.status_details.error.message}")
        elif response.status == "completed" and self._audio:
            self.reply = bytes(self._audio)
        self._audio.clear()


async def _stream(transport: MemoryTransport, pcm: bytes) -> None:
    """At real-time pace, in frames of 20 ms, as a client does."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for index, start in enumerate(range(0, len(pcm), _FRAME)):
        transport.put(InputAudioAppend(audio=pcm[start : start + _FRAME]))
        await asyncio.sleep(begin + (index + 1) * 0.02 - loop.time())
