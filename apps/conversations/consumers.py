"""The Channels consumer of `/v1/realtime`: a handshake, then the session over its socket."""

import asyncio
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from structlog.contextvars import bound_contextvars

from antiphon.engine.ids import Ids
from antiphon.engine.session import INTERNAL_ERROR, Host, RunningSession
from antiphon.protocol import errors
from antiphon.protocol.codec import encode_server_event
from antiphon.protocol.server_events import Error
from antiphon.transports.websocket import WebSocketTransport
from apps.conversations import runtime
from apps.conversations.gateway import (
    Handshake,
    HandshakeRefused,
    authorise,
    limits,
    new_session,
    session_opened,
)

log = structlog.get_logger(__name__)

_OUR_FAULT = "The session could not be opened; the server's log says why. Try again."


class RealtimeConsumer(AsyncConsumer):
    """Reads frames in its own loop: the stock dispatch hops to a thread and makes a task for every frame, which
    costs four times the CPU."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        handshake = Handshake.of(scope)
        try:
            inference = await runtime.inference()
            grant = await authorise(handshake)
            models = inference.models_for(
                grant.default_model, grant.default_transcription_model, grant.default_speech_model
            )
            session = new_session(handshake, grant, models)
        except HandshakeRefused as refused:
            await _refuse(handshake, refused, send)
            return
        except Exception:
            log.exception("session_not_opened")
            await _refuse(handshake, HandshakeRefused(errors.server_error(_OUR_FAULT), INTERNAL_ERROR), send)
            return
        await _accept(handshake, send)
        opened = session_opened(handshake, grant, session)
        with (
            bound_contextvars(tenant_id=str(grant.tenant_id), session_id=session.id),
            runtime.event_log().session(opened) as observer,
        ):
            host = Host(models, inference.voice_activity, inference.end_of_turn, limits(), (observer,))
            log.info("session_started", model=session.model)
            async with asyncio.TaskGroup() as group:
                group.create_task(models.warm_up(session.model), name="open connections")
                await RunningSession(session, WebSocketTransport(receive, send), host, Ids()).run()
            log.info("session_ended")


async def _refuse(handshake: Handshake, refused: HandshakeRefused, send: Any) -> None:
    await _accept(handshake, send)
    error = Error(event_id=Ids().new("event"), error=refused.error)
    await send({"type": "websocket.send", "text": encode_server_event(error)})
    await send({"type": "websocket.close", "code": refused.close_code, "reason": refused.reason})


async def _accept(handshake: Handshake, send: Any) -> None:
    await send({"type": "websocket.accept", "subprotocol": handshake.accepted_subprotocol})
