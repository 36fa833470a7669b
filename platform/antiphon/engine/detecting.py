"""The detectors of turns at work for a session: one stream of voice activity at a time, and scores of pauses."""

import logging
from collections.abc import Callable, Coroutine, Sequence

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.ports import EndOfTurn, VadStream, VoiceActivity

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None], str], object]
Take = Callable[[inputs.Happening], None]


class Detecting:
    def __init__(
        self,
        voice_activity: VoiceActivity,
        end_of_turn: EndOfTurn,
        spawn: Spawn,
        take: Take,
        fail: Callable[[Exception], None],
    ) -> None:
        self._voice_activity = voice_activity
        self._end_of_turn = end_of_turn
        self._spawn = spawn
        self._take = take
        self._fail = fail
        self._stream: tuple[int, VadStream] | None = None  # and its run

    def detect(self, effect: fx.Detect) -> None:
        if self._stream is None or self._stream[0] != effect.run:
            self.stop()
            run = effect.run

            def heard(probabilities: Sequence[float]) -> None:
                self._take(inputs.SpeechHeard(run, probabilities))

            self._stream = (run, self._voice_activity.open(heard, self._fail))
        self._stream[1].push(effect.pcm)

    def stop(self, effect: fx.StopDetecting | None = None) -> None:
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None

    def score_turn(self, effect: fx.ScoreTurn) -> None:
        self._spawn(self._score(effect), "score the end of the turn")

    async def _score(self, effect: fx.ScoreTurn) -> None:
        try:
            probability = await self._end_of_turn.score(effect.pcm)
        except Exception:
            log.exception("The end-of-turn model failed; the turn ends by its longest wait.")
            return
        self._take(inputs.TurnScored(effect.pause, probability))
