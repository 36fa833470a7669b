"""The session: the actor around the machine. It carries effects out, and brings back what comes of them.

The machine runs synchronously on the event loop, so every input is taken whole and in order, and nobody else ever
writes the session's state. Every task belongs to the session's task group and ends with it.

One connection is the client's own; when it breaks, the client may come back with another one and go on. Others may
be attached: they see the same events and may control the session.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET, structs

from antiphon.engine import effects as fx
from antiphon.engine import inputs
from antiphon.engine.connection import Connection
from antiphon.engine.detecting import Detecting
from antiphon.engine.function_runs import FunctionRuns, NoFunctions
from antiphon.engine.generating import Generating
from antiphon.engine.ids import Ids
from antiphon.engine.listening_in import OF_USER, of_user
from antiphon.engine.machine import GOING_AWAY, Limits, SessionMachine
from antiphon.engine.native import Upstreams
from antiphon.engine.outbox import Outbox
from antiphon.engine.ports import (
    Ending,
    EndOfTurn,
    EventAllowance,
    Incoming,
    Meter,
    Models,
    NoMeter,
    Observer,
    Recalled,
    Transport,
    Unlimited,
    VoiceActivity,
)
from antiphon.engine.recognition import Recognition
from antiphon.engine.remote_calls import NoToolServers, RemoteCalls
from antiphon.engine.telling import spent, usage_recorded
from antiphon.protocol import client_events as client
from antiphon.protocol import errors, provider_data
from antiphon.protocol import server_events as ev
from antiphon.protocol.errors import Refused
from antiphon.protocol.session import Session, TranscriptionSession, shown
from antiphon.providers.base.tools import Functions, ToolServers

log = logging.getLogger(__name__)

INTERNAL_ERROR = 1011
RESUMED_ELSEWHERE = 4001
MOST_ATTACHED = 8
MOST_LISTENING = 4
# What a broken connection can have swallowed. Our side of it keeps its buffers small (`config.serve`): they were
# measured to hold 183 kB of this, and 40 kB more where another process relays. It is 5 s of speech.
_REMEMBERED = 256 * 1024
_MOST_BEHIND = 1024 * 1024  # bytes that wait for an attached connection: 22 s of speech
_MICROPHONE = (client.InputAudioAppend, client.InputAudioCommit, client.InputAudioClear)


@dataclass(frozen=True, slots=True)
class Host:
    """What a session needs of its process and its tenant."""

    models: Models
    voice_activity: VoiceActivity
    end_of_turn: EndOfTurn
    limits: Limits
    observers: Sequence[Observer] = ()
    resume_seconds: float = 0.0  # for which a session waits for a client that lost its connection
    tool_servers: ToolServers = field(default_factory=NoToolServers)
    first_message: str = ""  # of the assistant, when the session opens
    functions: Functions = field(default_factory=NoFunctions)
    meter: Meter = field(default_factory=NoMeter)
    allowance: EventAllowance = field(default_factory=Unlimited)  # of the client and all who are attached


class RunningSession:
    """One client's session from `session.created` to its end."""

    def __init__(self, session: Session, transport: Transport, host: Host, ids: Ids) -> None:
        self._host = host
        self._ids = ids
        self._resume_seconds = 0.0 if transport.paced else host.resume_seconds
        self.resume_token = secrets.token_urlsafe(32) if self._resume_seconds else None
        self._outbox = Outbox(remembers=_REMEMBERED if self.resume_token else 0)
        self._client = self._connect(transport)
        self._attached: set[Connection] = set()
        self._listeners: set[Connection] = set()
        self._asking: Connection | None = None  # whose event the machine is handling
        self._waiting: asyncio.TimerHandle | None = None  # for the client to come back
        self._machine = SessionMachine(
            session,
            ids=ids,
            limits=host.limits,
            first_message=host.first_message,
            paced=transport.paced,
            recall=self._recall,
            capabilities=host.models.capabilities,
            functions=host.functions.names,
            rate_limits=host.allowance.told,
        )
        self._loop = asyncio.get_running_loop()
        self._group = asyncio.TaskGroup()
        self._over = asyncio.Event()
        self._farewell: fx.Close | None = None
        self._started = False
        self._winding_up: inputs.WindUp | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._detecting = Detecting(host.voice_activity, host.end_of_turn, self._spawn, self.take, self._fail)
        self._recognition = Recognition(host.models, self._spawn, self.take)
        self._upstreams = Upstreams(host.models, self._spawn, self.take)
        self._generating = Generating(host.models, self._upstreams, self._spawn, self.take, self._outbox.room)
        self._remote_calls = RemoteCalls(host.tool_servers, self._spawn, self.take)
        self._function_runs = FunctionRuns(host.functions, self._spawn, self.take)
        self._handlers: dict[type, Callable[..., None]] = {
            fx.Send: self._send,
            fx.Detect: self._detecting.detect,
            fx.StopDetecting: self._detecting.stop,
            fx.ScoreTurn: self._detecting.score_turn,
            fx.Follow: self._recognition.follow,
            fx.StopFollowing: self._recognition.stop,
            fx.Foresee: self._recognition.foresee,
            fx.StopForeseeing: self._stop_foreseeing,
            fx.Transcribe: self._recognition.transcribe,
            fx.Speculate: self._generating.speculate,
            fx.Hear: self._upstreams.hear,
            fx.StopHearing: self._upstreams.stop_hearing,
            fx.Leave: self._upstreams.leave,
            fx.Generate: self._generating.generate,
            fx.StopGenerating: self._generating.stop,
            fx.ListTools: self._remote_calls.list_tools,
            fx.CallRemoteTool: self._remote_calls.call,
            fx.StopRemoteTool: self._remote_calls.stop,
            fx.RunFunction: self._function_runs.run,
            fx.StopFunction: self._function_runs.stop,
            fx.StopPlaying: self._stop_playing,
            fx.Heard: self._observe,
            fx.SetTimer: self._set_timer,
            fx.CancelTimer: self._cancel_timer,
            fx.Close: self._close,
        }

    async def run(self) -> None:
        """Returns when the session has ended and nothing of it is left."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve(self._client), name="serve the client")
            try:
                await self._live()
            finally:
                await self._say_goodbye()

    async def attach(self, transport: Transport) -> None:
        """Shows the session to another connection, which may also control it, and returns when that has ended.

        It gets `session.created` with the session as it is now, and then every server event but the errors that
        answer others. It can't send input audio, and it is closed with 1013 when it falls too far behind. Raises
        Refused.
        """
        self._require_life()
        if len(self._attached) >= MOST_ATTACHED:
            raise errors.invalid_request(
                "too_many_sidebands",
                f"At most {MOST_ATTACHED} other connections can be attached to a session: close one first.",
            )
        await self._accompany(transport, self._attached, self._heed, self._host.allowance)

    async def listen_in(self, transport: Transport) -> None:
        """As `attach`, for who hears both sides and has no say: the user's audio comes as well, and whatever this
        connection says is ignored. Nobody in the session notices. Raises Refused."""
        self._require_life()
        if len(self._listeners) >= MOST_LISTENING:
            raise errors.invalid_request(
                "too_many_listeners", f"{MOST_LISTENING} people listen to this session already."
            )
        await self._accompany(transport, self._listeners, _ignore, Unlimited())

    async def resume(self, transport: Transport, last_event_id: str) -> None:
        """Goes on with the client over another connection, and returns when that has ended.

        The client gets `session.created` and then, once more, what came after the last event it saw. A connection
        that still seems to be alive is closed. Raises Refused, and the session is as before.
        """
        self._require_life()
        if not self._outbox.rewind(last_event_id, self._greeting(self.resume_token)):
            raise errors.invalid_request(
                "resume_not_possible",
                "The session cannot go on from there: 'last_event_id' must be the event that you received last, "
                "and not too much may have been sent since. Open a new session.",
                "last_event_id",
            )
        self._client.end(RESUMED_ELSEWHERE, "resumed elsewhere")
        self._client = self._connect(transport)
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        await self._serve(self._client)

    def end(self, code: int, reason: str) -> None:
        """Ends the session. What has been said so far still leaves; `code` is a WebSocket close code."""
        if not self._over.is_set():
            self._farewell = self._farewell or fx.Close(code, reason)
            self._over.set()

    def wind_up(
        self, *, refused: Refused, goodbye: str, code: int, reason: str, patience_ms: float = 10_000
    ) -> None:
        """Ends the session politely: its clients are told why, what is under way is cut short, the assistant says
        `goodbye`, and the connection closes with `code` and `reason`.

        It closes once the goodbye has been heard, by the report of a paced transport or by the playout clock, at
        most `patience_ms` after the last of it was sent and 15 s after this call; at once if it can't be said, or
        if nobody is there to hear it. Only the first call counts, and none after `end`. Observers may call it.
        """
        if self._over.is_set() or self._winding_up is not None:
            return
        self._winding_up = inputs.WindUp(refused.body, goodbye, code, reason, patience_ms)
        self._farewell = self._farewell or fx.Close(code, reason)
        self.stop_waiting()
        if self._started:
            self._loop.call_soon(self.take, self._winding_up)  # the machine may be at work right now

    def stop_waiting(self) -> None:
        """From now on the session ends with its client's connection: at once, if that is lost already."""
        self._resume_seconds = 0.0
        if self._waiting is not None:
            self._over.set()

    def take(self, event: inputs.Input, asking: Connection | None = None) -> None:
        """Gives the machine an input and carries out what it wants done. Errors go to `asking` alone."""
        if self._over.is_set():
            if isinstance(event, inputs.LeftToTell):  # what the end cut short costs all the same
                self._observe(event)
            return
        if self._listeners and isinstance(event, OF_USER):
            heard = of_user(event, self._machine.session, self._ids.new("event"))
            for listener in self._listeners:
                listener.put(heard)
        now = self._now()
        for observe in self._host.observers:
            observe(event, now)
        self._tell_of_usage()
        asked_before, self._asking = self._asking, asking  # effects can report something at once
        try:
            self._carry_out(self._machine.handle(event, now))
        except Exception as error:
            self._fail(error)
        finally:
            self._asking = asked_before

    async def _live(self) -> None:
        try:
            async with self._group:
                self._carry_out(self._machine.start(self._now()))
                self._started = True
                if self._winding_up is not None:
                    self.take(self._winding_up)
                await self._over.wait()
                raise _Over
        except* _Over:
            pass
        finally:
            await self._upstreams.aclose()

    async def _say_goodbye(self) -> None:
        self._over.set()
        self._detecting.stop()
        self._generating.drop_speculation()
        for timer in (*self._timers.values(), self._waiting):
            if timer is not None:
                timer.cancel()
        self._carry_out(self._machine.leave(self._now()))
        self._host.meter.over(self._now())
        self._tell_of_usage()
        self._observe(self._ending())
        await self._host.meter.settle()
        farewell = self._farewell or fx.Close(1000, "")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._client.finish(farewell.code, farewell.reason))
            for connection in (*self._attached, *self._listeners):
                group.create_task(connection.finish(1000, "session ended"))

    def _ending(self) -> Ending:
        if self._farewell is not None:
            return Ending(self._farewell.code, self._farewell.reason, by_client=False)
        if self._client.farewell is not None:
            return Ending(*self._client.farewell, by_client=False)
        if self._client.left is not None:
            return Ending(self._client.left.code, "", by_client=True)
        return Ending(GOING_AWAY, "", by_client=False)

    def _now(self) -> float:
        return self._loop.time() * 1000

    def _observe(self, event: object) -> None:
        now = self._now()
        for observe in self._host.observers:
            observe(event, now)

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        return self._group.create_task(work, name=name)

    def _carry_out(self, effects: Sequence[fx.Effect]) -> None:
        for effect in effects:
            self._handlers[type(effect)](effect)

    def _fail(self, error: Exception) -> None:
        log.error("The session ends because of an error of ours.", exc_info=error)
        self.end(INTERNAL_ERROR, "internal error")

    # Connections

    async def _accompany(
        self,
        transport: Transport,
        company: set[Connection],
        take: Callable[[Connection, Incoming], None],
        allowance: EventAllowance,
    ) -> None:
        outbox = Outbox()
        outbox.put(self._greeting())
        connection = Connection(
            transport,
            outbox,
            take=take,
            room=self._room_for_others,
            allowance=allowance,
            most_behind=_MOST_BEHIND,
        )
        company.add(connection)
        try:
            await connection.run()
        finally:
            company.discard(connection)

    def _connect(self, transport: Transport) -> Connection:
        """The client's own connection. All of them share one outbox, one after the other."""
        room, allowance = self._outbox.room, self._host.allowance
        return Connection(transport, self._outbox, take=self._heed, room=room, allowance=allowance)

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            if connection is self._client and not self._over.is_set():
                left = connection.left
                if left is not None and left.lost and self._resume_seconds:
                    self._waiting = self._loop.call_later(self._resume_seconds, self._over.set)
                else:
                    self._over.set()

    async def _room_for_others(self) -> None:
        """Others can control the session while its client is slow or away, within reason."""
        if self._outbox.size > _MOST_BEHIND:
            await self._outbox.room()

    def _heed(self, connection: Connection, event: Incoming) -> None:
        if connection is not self._client and isinstance(event, _MICROPHONE):
            refused = errors.invalid_value(
                "Input audio comes from the client of the session: an attached connection cannot append, commit or "
                "clear it.",
                "type",
            )
            body = structs.replace(refused.body, event_id=event.event_id)
            connection.put(ev.Error(event_id=self._ids.new("event"), error=body))
        else:
            self.take(event, connection)

    def _greeting(self, resume_token: str | None = None) -> ev.SessionCreated:
        session = _with_token(shown(self._machine.session), resume_token)
        return ev.SessionCreated(event_id=self._ids.new("event"), session=session)

    def _require_life(self) -> None:
        if self._over.is_set():
            raise errors.invalid_request("session_ended", "The session has ended: open a new one.")

    def _send(self, effect: fx.Send) -> None:
        event = effect.event
        if isinstance(event, ev.ResponseDone):
            event = self._with_usage(event)
        self._observe(event)
        if isinstance(event, ev.Error) and self._asking is not None:
            self._asking.put(event)
            return
        for connection in (*self._attached, *self._listeners):
            connection.put(event)
        transport = self._client.transport
        if transport.paced and isinstance(event, ev.OutputAudioDelta):
            transport.play(event.delta)
        elif isinstance(event, ev.SessionCreated):
            session = _with_token(event.session, self.resume_token)
            self._client.put(structs.replace(event, session=session))
        else:
            self._client.put(event)

    def _with_usage(self, event: ev.ResponseDone) -> ev.ResponseDone:
        used = self._host.meter.of_response(event.response.id)
        if not self._tells_usage:
            return event
        return structs.replace(event, response=structs.replace(event.response, antiphon_usage=spent(used)))

    def _tell_of_usage(self) -> None:
        """What no response tells of, if the client wants to know."""
        for record in self._host.meter.news():
            if self._tells_usage:
                event = usage_recorded(record)
                event.event_id = self._ids.new("event")
                self._send(fx.Send(event))

    @property
    def _tells_usage(self) -> bool:
        return "usage" in provider_data.wanted_events(self._machine.session.providerData)

    def _recall(self, response_id: str) -> Sequence[ev.ServerEvent]:
        recalled = self._outbox.recall(response_id)
        for connection in (*self._attached, *self._listeners):
            connection.take_back(recalled)
        if recalled:
            self._observe(Recalled(recalled))
        return recalled

    def _stop_playing(self, effect: fx.StopPlaying) -> None:
        self._client.transport.stop_playing()

    def _close(self, effect: fx.Close) -> None:
        self.end(effect.code, effect.reason)

    def _stop_foreseeing(self, effect: fx.StopForeseeing) -> None:
        self._recognition.stop_foreseeing(effect.item_id)
        self._generating.drop_speculation()

    # Time

    def _set_timer(self, effect: fx.SetTimer) -> None:
        self._cancel_timer(effect)
        self._timers[effect.name] = self._loop.call_later(effect.after_ms / 1000, self._fire, effect.name)

    def _cancel_timer(self, effect: fx.SetTimer | fx.CancelTimer) -> None:
        if timer := self._timers.pop(effect.name, None):
            timer.cancel()

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self.take(inputs.TimerFired(name))


def _ignore(connection: Connection, event: Incoming) -> None:
    """What who listens in says."""


class _Over(Exception):
    """Ends the task group, and with it whatever still runs in it."""


def _with_token(
    session: Session | TranscriptionSession, resume_token: str | None
) -> Session | TranscriptionSession:
    """Only the client itself gets to know the token, when it connects."""
    return structs.replace(session, resume_token=resume_token or UNSET)
