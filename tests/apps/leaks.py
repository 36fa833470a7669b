"""Keys that must not be seen, sessions in which they are used, and everything in which they are searched for."""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from antiphon.providers.adapters import ADAPTERS
from antiphon.providers.base.provider import Kind, Provider, Service
from antiphon.providers.vendors import SERVER_KINDS, VENDORS
from tests.apps.live import SECOND, LiveSession

OURS = {"antiphon": {"events": ["attempts", "decisions"]}}
PIECE = 10  # characters of a key that nobody may see together
HALF = 5
STEP = PIECE - HALF + 1


@dataclass(frozen=True)
class Case:
    """One dialect of one kind of model. Those that tenants can't have a server of are reached as that vendor."""

    kind: Kind
    dialect: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.dialect}"

    @property
    def vendor(self) -> str | None:
        if self.kind in SERVER_KINDS.get(self.dialect, ()):
            return None
        owners = (v.slug for v in VENDORS.values() for s in v.services if self._is(s))
        return next(owners)

    @property
    def model(self) -> str:
        """A name that its vendor has, where names tell what a model is."""
        return "gemini-live" if self.dialect == "gemini" else "realtime" if self.kind == "realtime" else "m"

    def moved(self, base_url: str) -> Provider:
        """Its vendor at another address."""
        vendor = VENDORS[self.vendor or ""]
        services = [replace(s, base_url=base_url) for s in vendor.services if self._is(s)]
        return replace(vendor, services=services, address_setting=None, check="/models")

    def _is(self, service: Service) -> bool:
        return (service.kind, service.dialect) == (self.kind, self.dialect)


CASES = [Case(*place) for place in ADAPTERS]


@dataclass
class Everything:
    """All that was said anywhere, by where."""

    said: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, what: object) -> None:
        self.said[where] = (
            self.said.get(where, "")
            + "\n"
            + (what if isinstance(what, str) else json.dumps(what, default=str))
        )

    def leaks(self, key: str) -> list[str]:
        forms = [
            key.rpartition("-")[2],
            *(base64.b64encode(b"x" * n + key.encode()).decode()[8:] for n in range(3)),
        ]
        return [
            f"{where}: {text[max(0, at - 80) : at + 80]}"
            for where, text in self.said.items()
            for form in forms
            for at in _pieces(form, text)
        ]


def _pieces(form: str, text: str) -> Iterator[int]:
    """Where the text has PIECE characters of the form together. All pieces hold half a piece that begins at a
    multiple of STEP: the text is searched for those alone, and looked at closely where one stands."""
    for start in range(0, len(form) - HALF + 1, STEP):
        at = -1
        while (at := text.find(form[start : start + HALF], at + 1)) >= 0:
            first = max(0, at - HALF)
            around = text[first : at + PIECE]
            if any(around[n : n + PIECE] in form for n in range(len(around) - PIECE + 1)):
                yield at


def new_key() -> str:
    return f"sk-leakable-{secrets.token_hex(16)}"


async def talk(session: LiveSession, kind: Kind, model: str) -> None:
    """Makes the session use the model, and waits until it has failed or answered."""
    session.say("session.update", session={"type": "realtime", "providerData": OURS})
    if kind == "speech_to_text":
        transcription = {"model": model}
        audio: dict[str, Any] = {"input": {"transcription": transcription, "turn_detection": None}}
        session.say("session.update", session={"type": "realtime", "audio": audio})
        session.say("input_audio_buffer.append", audio=SECOND)
        session.say("input_audio_buffer.commit")
        prefix = "conversation.item.input_audio_transcription"
        await session.event(f"{prefix}.failed", f"{prefix}.completed")
        return
    if kind == "text_to_speech":
        audio = {"output": {"model": model, "voice": "heart"}}
        session.say("session.update", session={"type": "realtime", "audio": audio})
    session.user_says("Hello")
    session.say("response.create")
    await session.event("response.done")


def heard(session: LiveSession) -> list[dict[str, Any]]:
    return [event for event in session.events if event["type"] != "response.output_audio.delta"]
