"""An answer that is begun before its turn is known to be over: held back, then used, or dropped without a trace.

Nobody sees anything of it before it is adopted, and no tool runs: calls are only happenings, and those are held.
What it used is noted in either case.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from antiphon.engine import cascade, inputs
from antiphon.engine.effects import Generate
from antiphon.engine.input_buffer import SAMPLES_PER_MS
from antiphon.engine.ports import Models
from antiphon.providers.base.llm import Decision

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]

_HELD_MS = 3_000  # of speech; then the voice waits until somebody wants it


class Speculation:
    def __init__(self, job: Generate, models: Models, spawn: Spawn, note: cascade.Note) -> None:
        self.job = job
        self._note_outside = note
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._held: list[Any] = []
        self._noted: list[Any] = []
        self._held_ms = 0.0
        self._failure: Exception | None = None
        self._response_id = ""
        self._deliver_outside: cascade.Deliver | None = None
        self._adopted = asyncio.Event()
        self._dropped = False
        self._task = spawn(self._run(models), "begin an answer early")

    def answers(self, job: Generate) -> bool:
        """Whether this is what that job would generate, and nothing has gone wrong with it so far."""
        return self._failure is None and replace(job, response_id="") == self.job

    def drop(self) -> None:
        """It is not wanted."""
        self._dropped = True
        self._task.cancel()
        for event in self._noted:
            self._note_outside(_wasted(event))
        self._noted.clear()

    async def become(self, response_id: str, deliver: cascade.Deliver) -> None:
        """Goes on as this response. Raises what `cascade.generate` raises; cancelling it ends the work."""
        self._response_id = response_id
        ahead = (self._loop.time() - self._began) * 1000
        reason = f"The answer was begun {ahead:.0f} ms before the turn was over."
        self._note_outside(inputs.LatencyDecided(response_id, Decision("speculated", reason, 0.0)))
        for event in self._noted:
            self._note_outside(replace(event, response_id=response_id))
        self._noted.clear()
        try:
            while self._held:
                await deliver(replace(self._held.pop(0), response_id=response_id))
            self._deliver_outside = deliver
            self._adopted.set()
            await asyncio.wait((self._task,))
        finally:
            self._task.cancel()
        if self._failure is not None:
            raise self._failure

    async def _run(self, models: Models) -> None:
        try:
            await cascade.generate(self.job, models, self._deliver, self._note)
        except Exception as failure:
            self._failure = failure

    async def _deliver(self, happening: inputs.Happening) -> None:
        if self._deliver_outside is None and self._held_ms > _HELD_MS:
            await self._adopted.wait()
        event: Any = happening
        if self._deliver_outside is not None:
            await self._deliver_outside(replace(event, response_id=self._response_id))
            return
        self._held.append(event)
        if isinstance(event, inputs.SpeechAudio):
            self._held_ms += event.samples / SAMPLES_PER_MS

    def _note(self, happening: inputs.Happening) -> None:
        event: Any = happening
        if self._dropped:
            self._note_outside(_wasted(event))
        elif self._response_id:
            self._note_outside(replace(event, response_id=self._response_id))
        else:
            self._noted.append(event)


def _wasted(event: Any) -> inputs.Happening:
    """What a dropped answer used, which belongs to no response."""
    if isinstance(event, inputs.Attempted):
        return replace(event, attempt=replace(event.attempt, reason="speculation", outcome="superseded"))
    noted: inputs.Happening = event
    return noted
