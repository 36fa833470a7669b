"""The Channels consumer of `/v1/realtime`: a handshake, then a session over its socket: a new one, or one that
runs already."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from django.conf import settings
from structlog.contextvars import bound_contextvars

from antiphon.engine.ids import Ids
from antiphon.engine.observers.latency import LatencyObserver
from antiphon.engine.ports import Observer
from antiphon.engine.session import INTERNAL_ERROR, Host, RunningSession
from antiphon.metering.pricing import PriceRules
from antiphon.protocol import errors
from antiphon.protocol.dialects.named import DialectName, new_dialect
from antiphon.transports.relay_link import Request
from antiphon.transports.websocket import Receive, Send, WebSocketTransport
from apps.billing.keeper import Money
from apps.conversations import runtime
from apps.conversations.admitting import admit
from apps.conversations.calls import NoSuchCall, no_such_call, refuse
from apps.conversations.directory import OutOfReach, Place
from apps.conversations.gateway import (
    BAD_REQUEST,
    Handshake,
    HandshakeRefused,
    Opening,
    authorise,
    dialect_of,
    limits,
    on_account,
    open_session,
    session_opened,
)
from apps.conversations.joining import request_of
from apps.conversations.log_store import SessionOpened
from apps.conversations.spending import money_of, wind_up
from apps.conversations.tool_tally import ToolTally
from apps.conversations.usage import note_time, usage_observer
from apps.limits.process import Place as Admission

log = structlog.get_logger(__name__)

_NOT_OPENED = "The session could not be opened; the server's log says why. Try again."
_OUT_OF_REACH = "The session could not be reached; the server's log says why. Try again."


@dataclass(slots=True)
class _Socket:
    handshake: Handshake
    receive: Receive
    send: Send
    accepted: bool = False

    async def accept(self, call_id: str = "", headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """Once; what is refused later is refused in band anyway."""
        if self.accepted:
            return
        self.accepted = True
        told = {**headers, "x-call-id": call_id} if call_id else headers
        subprotocol = self.handshake.accepted_subprotocol
        encoded = [(name.encode(), value.encode()) for name, value in told.items()]
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": encoded})

    def transport(self, dialect: DialectName = "undeclared") -> WebSocketTransport:
        return WebSocketTransport(self.receive, self.send, new_dialect(dialect))


class RealtimeConsumer(AsyncConsumer):
    """Reads frames in its own loop: the stock dispatch hops to a thread and makes a task for every frame, which
    costs four times the CPU."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        socket = _Socket(Handshake.of(scope), receive, send)
        if not runtime.is_loaded():
            await socket.accept()  # the first session under runserver, which gives a handshake 5 s
        try:
            serve = await _prepare(socket)
        except HandshakeRefused as refused:
            await _turn_away(socket, refused)
        except Exception:
            log.exception("session_not_opened")
            await _turn_away(socket, HandshakeRefused(errors.server_error(_NOT_OPENED), INTERNAL_ERROR))
        else:
            await serve()


async def _prepare(socket: _Socket) -> Callable[[], Awaitable[None]]:
    """All that can be refused, and what to do then. Raises HandshakeRefused."""
    grant = await on_account(socket.handshake, await authorise(socket.handshake))
    request = request_of(socket.handshake, grant)
    if request is None:
        inference = await runtime.inference()
        models, tenant_limits = await runtime.models_and_limits_of(grant)
        opening = await open_session(socket.handshake, grant, models)
        host = Host(
            opening.models,
            inference.voice_activity,
            inference.end_of_turn,
            limits(socket.handshake.dialect, opening.agent),
            first_message=opening.first_message,
            resume_seconds=settings.SESSION_RESUME_SECONDS,
            tool_servers=runtime.tool_servers_of(str(grant.tenant_id)),
            functions=await runtime.functions_of(grant, opening.session),
        )
        opened = session_opened(socket.handshake, grant, opening)
        transport = socket.transport(dialect_of(socket.handshake, grant))
        # Last of all, so that both are left again whatever happens.
        admission = await admit(runtime.limits, socket.handshake, grant, tenant_limits)
        try:
            money = await money_of(grant, opened)
        except BaseException:
            async with admission:
                raise
        return partial(_converse, socket, transport, opened, opening, host, admission, money)
    try:
        place = await runtime.calls.find(request)
    except NoSuchCall:
        raise HandshakeRefused(no_such_call(request), BAD_REQUEST) from None
    except OutOfReach:
        raise HandshakeRefused(errors.server_error(_OUT_OF_REACH), INTERNAL_ERROR) from None
    return partial(_join, socket, request, place)


async def _converse(
    socket: _Socket,
    transport: WebSocketTransport,
    opened: SessionOpened,
    opening: Opening,
    host: Host,
    admission: Admission,
    money: Money,
) -> None:
    session, models = opening.session, opening.models
    tenant_id, call_id = str(opened.tenant_id), opened.call_id
    async with admission:
        with (
            bound_contextvars(tenant_id=tenant_id, session_id=session.id),
            closing(money),
            runtime.event_log().session(opened) as observer,
            _recording(opened) as recording,
        ):
            tally = ToolTally(session.tools, host.functions.names)
            latencies = LatencyObserver(observer.answered)
            meter = usage_observer(
                opened,
                observer,
                runtime.recorder(),
                spent=money.used,
                rules=PriceRules(markup_bp=money.markup_bp),
                own_credentials=models.own,
            )
            observers: tuple[Observer, ...] = (observer, meter, latencies, *recording)
            if session.tools:
                observers = (*observers, tally)
            host = replace(host, observers=observers, meter=meter, allowance=admission.allowance)
            running = RunningSession(session, transport, host, Ids())
            money.when_ended(partial(wind_up, running))
            key_id, customer_id = opened.api_key_id, opened.customer_id
            async with runtime.calls.running(running, call_id, tenant_id, key_id, customer_id):
                await socket.accept(call_id, admission.headers)
                log.info("session_started", model=session.model, record=opened.record)
                async with asyncio.TaskGroup() as group:
                    group.create_task(models.warm_up(session.model), name="open connections")
                    timing = group.create_task(note_time(meter), name="note the time connected")
                    await running.run()
                    timing.cancel()
            await runtime.tool_calls_count_of(opened.tenant_id, tally)
            log.info("session_ended")


@contextmanager
def _recording(opened: SessionOpened) -> Iterator[Sequence[Observer]]:
    """Who records the session that runs inside; nobody, unless its agent has it so."""
    if not opened.record:
        yield ()
        return
    with runtime.audio_recorder().session(opened) as recording:
        yield (recording,)


async def _join(socket: _Socket, request: Request, place: Place) -> None:
    await socket.accept(place.call_id)
    with bound_contextvars(tenant_id=request.tenant_id, call_id=place.call_id):
        log.info("session_joined", want=request.want)
        try:
            await runtime.calls.join(request, place, socket.receive, socket.send)
        except OutOfReach:
            log.warning("session_out_of_reach", host=place.host, port=place.port)
            await refuse(socket.transport(), errors.server_error(_OUT_OF_REACH), INTERNAL_ERROR)


async def _turn_away(socket: _Socket, refused: HandshakeRefused) -> None:
    """In band: the upgrade succeeds, then the error says why."""
    await socket.accept(headers=refused.headers)
    await refuse(socket.transport(), refused.refused, refused.close_code)
