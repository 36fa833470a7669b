"""An answer that is begun before its turn is known to be over: held back, then used, or dropped without a trace.

Nobody sees anything of it before it is adopted, and no tool runs: calls are only happenings, and those are held.
What it used is noted in either case.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from msgspec import structs

from antiphon.engine import cascade, inputs
from antiphon.engine.effects import Generate
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.ports import Models
from antiphon.providers.base.llm import Attempt, Decision, Outcome

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]

_HELD_MS = 3_000  # of speech; then the voice waits until somebody wants it
_WANTED_WITHIN = 15.0  # seconds; the longest wait for the end of a turn is 8, and its words take a while


class Speculation:
    """Begins at once. It is adopted or dropped; nobody who does neither keeps it alive for long."""

    def __init__(self, job: Generate, models: Models, spawn: Spawn, note: cascade.Note) -> None:
        self.job = job
        self._note_outside = note
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._held: deque[Any] = deque()
        self._noted: list[Any] = []
        self._held_ms = 0.0
        self._failure: Exception | None = None
        self._response_id = ""
        self._deliver_outside: cascade.Deliver | None = None
        self._delivers = asyncio.Event()
        self._dropped = False
        self._expiry = self._loop.call_later(_WANTED_WITHIN, self.drop)
        self._task = spawn(self._run(models), "begin an answer early")

    def answers(self, job: Generate) -> bool:
        """Whether this is what that job would generate, and nothing has gone wrong with it so far."""
        return (
            not self._dropped and self._failure is None and structs.replace(job, response_id="") == self.job
        )

    def adopt(self, response_id: str) -> None:
        """It is this response from now on: `become` delivers it, and `drop` ends it."""
        self._expiry.cancel()
        self._response_id = response_id
        ahead = (self._loop.time() - self._began) * 1000
        reason = f"The answer was begun {ahead:.0f} ms before the turn was over."
        self._tell(inputs.LatencyDecided("", Decision("speculated", reason, 0.0)))
        self._tell_noted()

    def drop(self) -> None:
        """It is not wanted, or not any more. May be called again."""
        self._dropped = True
        self._expiry.cancel()
        self._task.cancel()
        self._tell_noted()

    async def become(self, deliver: cascade.Deliver) -> None:
        """Goes on as the response that has adopted it. Raises what `cascade.generate` raises."""
        while self._held:
            await deliver(self._ours(self._held.popleft()))
        self._deliver_outside = deliver
        self._delivers.set()
        await asyncio.wait((self._task,))
        if self._failure is not None:
            raise self._failure

    async def _run(self, models: Models) -> None:
        try:
            await cascade.generate(self.job, models, self._deliver, self._note)
        except Exception as failure:
            self._failure = failure

    async def _deliver(self, happening: inputs.Happening) -> None:
        if self._deliver_outside is None and self._held_ms > _HELD_MS:
            await self._delivers.wait()
        if self._deliver_outside is not None:
            await self._deliver_outside(self._ours(happening))
            return
        self._held.append(happening)
        if isinstance(happening, inputs.SpeechAudio):
            self._held_ms += happening.samples / SAMPLES_PER_MS

    def _note(self, happening: inputs.Happening) -> None:
        if self._response_id or self._dropped:
            self._tell(happening)
        else:
            self._noted.append(happening)

    def _tell_noted(self) -> None:
        noted, self._noted = self._noted, []
        for happening in noted:
            self._tell(happening)

    def _tell(self, happening: inputs.Happening) -> None:
        """Of what was dropped only what it has cost, which belongs to no response."""
        if self._response_id:
            self._note_outside(self._ours(happening))
        elif isinstance(happening, inputs.Attempted):
            self._note_outside(structs.replace(happening, attempt=_wasted(happening.attempt)))
        elif isinstance(happening, inputs.Used):
            self._note_outside(happening)

    def _ours(self, happening: Any) -> inputs.Happening:
        ours: inputs.Happening = structs.replace(happening, response_id=self._response_id)
        return ours


def _wasted(attempt: Attempt) -> Attempt:
    outcome: Outcome = "failed" if attempt.outcome == "failed" else "superseded"
    return replace(attempt, reason="speculation", outcome=outcome)
