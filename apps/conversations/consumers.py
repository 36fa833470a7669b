"""The Channels consumer of `/v1/realtime`: a handshake, then the session over its socket."""

import random
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from structlog.contextvars import bound_contextvars

from antiphon.engine.ids import Ids
from antiphon.engine.session import Host, RunningSession
from antiphon.protocol.codec import encode_server_event
from antiphon.protocol.server_events import Error
from antiphon.transports.websocket import WebSocketTransport
from apps.conversations import runtime
from apps.conversations.gateway import Handshake, HandshakeRefused, authorise, limits, new_session

log = structlog.get_logger(__name__)


class RealtimeConsumer(AsyncConsumer):
    """Reads frames in its own loop: the stock dispatch hops to a thread and makes a task for every frame, which
    costs four times the CPU."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        handshake = Handshake.of(scope)
        inference = await runtime.inference()
        try:
            grant = await authorise(handshake)
            models = inference.models_for(
                grant.default_model, grant.default_transcription_model, grant.default_speech_model
            )
            session = new_session(handshake, grant, models)
        except HandshakeRefused as refused:
            await _accept(handshake, send)
            error = Error(event_id=Ids(random.Random()).new("event"), error=refused.error)
            await send({"type": "websocket.send", "text": encode_server_event(error)})
            await send({"type": "websocket.close", "code": refused.close_code, "reason": refused.reason})
            return
        await _accept(handshake, send)
        host = Host(models, inference.voice_activity, inference.end_of_turn, limits())
        with bound_contextvars(tenant_id=str(grant.tenant_id), session_id=session.id):
            log.info("session_started", model=session.model)
            await RunningSession(session, WebSocketTransport(receive, send), host, Ids()).run()
            log.info("session_ended")


async def _accept(handshake: Handshake, send: Any) -> None:
    await send({"type": "websocket.accept", "subprotocol": handshake.accepted_subprotocol})
