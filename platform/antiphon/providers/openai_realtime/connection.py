"""One socket to the model: what it was told over it, and the answers that come back."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from math import inf
from typing import Any

from antiphon.providers.base.duplex import Duplex, Meter
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.failures import error_from_event
from antiphon.providers.base.http import Wire
from antiphon.providers.base.realtime import RealtimeCapabilities, RealtimeRequest
from antiphon.providers.openai_realtime.answer import Answer
from antiphon.providers.openai_realtime.conversation import Conversation, OutOfStep, is_text, is_tidying
from antiphon.providers.openai_realtime.shapes import LISTENING, response_settings, session_settings

_SETTLES = 5.0  # seconds that a cancelled answer may take to end
_MARGIN = 300.0  # seconds before a session expires in which no answer is begun over it
_OURS = "antiphon"  # the key of the metadata by which an answer is known again


class Connection:
    """Connects at once. `error` is set when it is of no use any more."""

    def __init__(
        self,
        wire: Wire,
        endpoint: Endpoint,
        model: str,
        capabilities: RealtimeCapabilities,
        meter: Meter,
    ) -> None:
        self.error: ProviderError | None = None
        self.asked = 0  # answers
        self._endpoint = endpoint
        self._quiet = wire.timeouts.idle
        self._capabilities = capabilities
        self._meter = meter
        self._conversation = Conversation()
        self._settings: dict[str, Any] = {}
        self._answers: list[Answer] = []  # oldest first
        self._numbers = count(1)
        self._expires: float | None = None  # on the clock of the loop
        self._duplex = Duplex(
            lambda: wire.connect(endpoint, "/realtime", {"model": model}), self._take, self._break, meter
        )

    @property
    def is_good(self) -> bool:
        if self.error is not None or self._expires is None or self._answers:
            return self.error is None
        return asyncio.get_running_loop().time() < self._expires - _MARGIN

    def hear(self, item_id: str, pcm: bytes) -> None:
        if not self._settings:
            self._configure({"type": "realtime", "audio": LISTENING})
        self._send(self._conversation.hear(item_id, pcm), "turn")

    def drop(self, item_id: str) -> None:
        self._send(self._conversation.drop(item_id), "turn")

    async def ask(self, request: RealtimeRequest) -> Answer:
        """Tells the model what it does not know, and begins an answer. Raises ProviderError and OutOfStep."""
        if not request.beside:
            await self._settle()
        answer = Answer(self._endpoint, self._quiet, next(self._numbers), request)
        metadata = {_OURS: answer.number}
        if request.beside:
            if not self._settings:
                self._configure({"type": "realtime", "audio": LISTENING})
            wanted = response_settings(request, self._capabilities)
            wanted |= {"metadata": metadata, "input": self._conversation.as_input(request.prompt.messages)}
        else:
            settings = session_settings(request, self._capabilities)
            self._check_voice(settings)
            news = self._conversation.update(request.prompt.messages)
            if settings != self._settings:
                self._configure(settings)
            self._send(news, answer.number)
            wanted = {"metadata": metadata}
        if self.error is not None:
            raise self.error
        self.asked += 1
        self._answers.append(answer)
        self._send([{"type": "response.create", "response": wanted}], answer.number)
        return answer

    def leave(self, answer: Answer) -> None:
        """Nobody wants the rest of it."""
        if answer.over.is_set():
            return
        answer.unwanted = True
        for known in answer.made:
            known.spoken_ms = inf if known.spoken_ms else 0.0  # the model may have said more than came
        if answer.response_id:
            self._cancel(answer)

    async def aclose(self) -> None:
        await self._duplex.aclose()
        self._break(ProviderError("network", f"The connection to {self._endpoint.host} was closed."))

    def _check_voice(self, settings: dict[str, Any]) -> None:
        """A voice that was heard is fixed (protocol reference 1.1)."""
        before = self._settings.get("audio", {}).get("output", {}).get("voice")
        spoken = any(known.spoken_ms for known in self._conversation.memory.items)
        if spoken and before != settings["audio"]["output"]["voice"]:
            raise OutOfStep

    def _configure(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._send([{"type": "session.update", "session": settings}], "session")

    def _send(self, events: Sequence[dict[str, Any]], cause: str) -> None:
        """An error about an event comes back with the number of the answer that needed it."""
        for event in events:
            self._meter.text_messages += is_text(event)
            self._duplex.send({"event_id": "tidy" if is_tidying(event) else cause, **event})

    def _cancel(self, answer: Answer) -> None:
        cancel = {"type": "response.cancel", "event_id": "tidy", "response_id": answer.response_id}
        self._duplex.send(cancel)

    async def _settle(self) -> None:
        """Until the answer before is over, for the model takes one at a time. Raises ProviderError."""
        try:
            async with asyncio.timeout(_SETTLES):
                for answer in [one for one in self._answers if not one.request.beside]:
                    await answer.over.wait()
        except TimeoutError:
            error = ProviderError("timeout", f"{self._endpoint.host} does not end a cancelled response.")
            self._break(error)
            raise error from None

    # What comes

    def _take(self, event: dict[str, Any]) -> None:
        try:
            match event.get("type"):
                case "session.created":
                    self._note_expiry(event["session"])
                case "input_audio_buffer.committed":
                    self._conversation.committed(event["item_id"])
                case "response.created":
                    self._created(event["response"])
                case "response.done":
                    self._answer_events(event["response"]["id"], event)
                case "error":
                    self._refused(event.get("error") or {})
                case str(kind) if kind.startswith("response."):
                    self._answer_events(event.get("response_id", ""), event)
        except (KeyError, TypeError, ValueError, AttributeError):
            message = f"{self._endpoint.host} sent an event that can't be understood: {event.get('type')}."
            raise ProviderError("upstream", message) from None

    def _note_expiry(self, session: dict[str, Any]) -> None:
        expires_at = session.get("expires_at")
        left = expires_at - time.time() if isinstance(expires_at, int) else 0
        if left > _MARGIN:
            self._expires = asyncio.get_running_loop().time() + left

    def _created(self, response: dict[str, Any]) -> None:
        number = (response.get("metadata") or {}).get(_OURS)
        for answer in self._answers:
            if not answer.response_id and number in (None, answer.number):
                answer.response_id = response["id"]
                if answer.unwanted:
                    self._cancel(answer)
                return

    def _answer_events(self, response_id: str, event: dict[str, Any]) -> None:
        for answer in self._answers:
            if answer.response_id == response_id:
                begun = answer.take(event)
                if begun is not None and not answer.request.beside:
                    self._conversation.memory.items.append(begun)
                if event["type"] == "response.done":
                    answer.over.set()
                    self._answers.remove(answer)
                return

    def _refused(self, error: dict[str, Any]) -> None:
        cause = error.get("event_id")
        if cause == "tidy" or (cause is None and _is_about_tidying(error)):
            return
        failure = error_from_event(self._endpoint, error, started=False)
        for answer in self._answers:
            if answer.number == cause and answer.request.beside:
                answer.fail(failure)
                self._answers.remove(answer)
                return
        raise failure  # for what the model has is not what it should have

    def _break(self, error: ProviderError) -> None:
        if self.error is None:
            self.error = error
            for answer in self._answers:
                answer.fail(error)
            self._answers.clear()


def _is_about_tidying(error: dict[str, Any]) -> bool:
    """xAI does not say which event an error is about."""
    message = str(error.get("message", "")).lower()
    return "no active response" in message or "truncat" in message
