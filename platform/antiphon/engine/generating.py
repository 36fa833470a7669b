"""Answers at work: one task for each, and one answer that may be begun before it is known to be wanted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from antiphon.engine import cascade, inputs, native
from antiphon.engine import effects as fx
from antiphon.engine.native import Upstreams
from antiphon.engine.ports import Models, UnknownModel
from antiphon.engine.speculation import Speculation
from antiphon.providers.base.errors import ProviderError

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]
Take = Callable[[inputs.Happening], None]
Room = Callable[[], Awaitable[None]]


class Generating:
    def __init__(self, models: Models, upstreams: Upstreams, spawn: Spawn, take: Take, room: Room) -> None:
        """`room` waits while the client reads too slowly."""
        self._models = models
        self._upstreams = upstreams
        self._spawn = spawn
        self._take = take
        self._room = room
        self._running: dict[str, asyncio.Task[None]] = {}
        self._speculation: Speculation | None = None

    def generate(self, effect: fx.Generate) -> None:
        """Goes on with what was begun early, if that is the same answer."""
        begun = self._speculation
        if begun is not None and begun.answers(effect):
            self._speculation = None
            begun.adopt(effect.response_id)
        else:
            begun = None
            if not effect.beside:
                self.drop_speculation()

        def over(_: object) -> None:
            """Also if the task was cancelled before it began."""
            self._running.pop(effect.response_id, None)
            if begun is not None:
                begun.drop()

        task = self._spawn(self._respond(effect, begun), "generate a response")
        self._running[effect.response_id] = task
        task.add_done_callback(over)

    def stop(self, effect: fx.StopGenerating) -> None:
        if task := self._running.get(effect.response_id):
            task.cancel()
        else:  # it was still waiting for its words
            self.drop_speculation()

    def speculate(self, effect: fx.Speculate) -> None:
        self.drop_speculation()
        self._speculation = Speculation(effect.job, self._models, self._spawn, self._take)

    def drop_speculation(self) -> None:
        if self._speculation is not None:
            self._speculation.drop()
            self._speculation = None

    async def _respond(self, effect: fx.Generate, begun: Speculation | None) -> None:
        try:
            if begun is not None:
                await begun.become(self._deliver)
            elif effect.native:
                async with self._upstreams.to(effect.model) as upstream:
                    await native.generate(effect, upstream, self._deliver, self._take)
            else:
                await cascade.generate(effect, self._models, self._deliver, self._take)
        except ProviderError as error:
            self._take(inputs.GenerationBroke(effect.response_id, error.kind, error.message))
        except UnknownModel as error:
            self._take(inputs.GenerationBroke(effect.response_id, "not_found", str(error)))
        except Exception:
            log.exception("A response failed.")
            message = "The response failed; the operator's log says why."
            self._take(inputs.GenerationBroke(effect.response_id, "upstream", message))

    async def _deliver(self, happening: inputs.Happening) -> None:
        await self._room()
        self._take(happening)
