"""What every session of this process shares: loaded models and pooled connections."""

import asyncio
import gc
import threading
import uuid
from collections.abc import Mapping, Sequence

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError

from antiphon.config.env import env
from antiphon.config.inference import Inference, load_inference
from antiphon.config.serve import keep_open_for
from antiphon.engine.function_runs import NoFunctions
from antiphon.metering.expected import usual_answer_micro
from antiphon.outbound.http import OutboundHttp
from antiphon.outbound.policy import OutboundPolicy
from antiphon.protocol.session import FunctionTool, Session
from antiphon.providers.base.provider import Provider
from antiphon.providers.base.tools import Functions, ToolServers
from antiphon.providers.http_tools.calls import Caller, HttpTool
from antiphon.providers.http_tools.running import HttpFunctions
from antiphon.providers.mcp.servers import McpServers
from antiphon.providers.registry import ModelRegistry
from antiphon.providers.routing.format import Router
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.routers import Routers
from apps.billing.keeper import SpendKeeper
from apps.billing.posting import post_usage
from apps.conversations.calls import Calls
from apps.conversations.event_log import EventLog
from apps.conversations.revocation import RevocationWatch
from apps.conversations.tool_tally import ToolTally
from apps.core.tenancy import tenant_context
from apps.credentials.selectors import providers_of
from apps.keys.authentication import KeyGrant
from apps.limits.process import ProcessLimits
from apps.limits.resolving import Limits
from apps.limits.selectors import limits_of
from apps.recordings.recorder import AudioRecorder
from apps.routers.exchange import HealthExchange
from apps.routers.selectors import routers_of
from apps.tools.selectors import runners_of
from apps.tools.services import tool_calls_count
from apps.usage.recorder import Recorder
from apps.usage.rows import Book
from apps.usage.services import unpriced_check

log = structlog.get_logger(__name__)

BOOKS: Sequence[Book] = (post_usage,)
"""Where what is used is booked, in the transaction that writes it."""

calls = Calls()
limits = ProcessLimits(processes=settings.WEB_PROCESSES)

_loaded: Inference | None = None
_event_log: EventLog | None = None
_spending: SpendKeeper | None = None
_recorder: Recorder | None = None
_audio_recorder: AudioRecorder | None = None
_loading = threading.Lock()
_routing = RoutingMemory()
_revocations = RevocationWatch(calls)
_health = HealthExchange(_routing.health)
_outbound = OutboundHttp(OutboundPolicy.allowing(env().outbound_allow))
_tool_servers = McpServers(_outbound)


async def startup() -> None:
    """Loads the models and opens connections, so that the first turn is as fast as the tenth, and lets the other
    processes in."""
    loaded = await inference()
    unpriced_check(models=[model.name for model in loaded.models_for().list()])
    recorder()  # which writes what crashed processes have left
    audio_recorder()  # as this does
    spending()  # which deletes the holds of crashed processes when they have expired
    await loaded.warm_up()
    await calls.start(
        secret_key=settings.SECRET_KEY,
        host=env().antiphon_relay_host,
        redis_url=settings.REDIS_URL,
        lease_seconds=env().antiphon_lease_seconds,
    )
    limits.start(settings.REDIS_URL, lease_seconds=env().antiphon_lease_seconds)
    _health.start(settings.REDIS_URL)
    _revocations.start()
    keep_open_for(calls)
    gc.collect()
    gc.freeze()  # what has been loaded stays: looking through it for garbage would hold all sessions up


async def inference() -> Inference:
    """Loaded once; under a server without the lifespan protocol (runserver) by the first session."""
    if _loaded is not None:
        return _loaded
    return await asyncio.to_thread(_load)


async def models_of(grant: KeyGrant) -> ModelRegistry:
    """What the tenant's sessions can name, with its own keys and servers as they are now."""
    return await models_of_tenant(
        grant.tenant_id,
        language=grant.default_model,
        transcription=grant.default_transcription_model,
        speech=grant.default_speech_model,
    )


async def models_of_tenant(
    tenant_id: uuid.UUID, *, language: str = "", transcription: str = "", speech: str = ""
) -> ModelRegistry:
    """With these defaults; an empty one is the platform's."""
    loaded = await inference()
    load = database_sync_to_async(_chosen_by, thread_sensitive=False)
    return _registry(loaded, tenant_id, (language, transcription, speech), *await load(tenant_id))


async def models_and_limits_of(grant: KeyGrant) -> tuple[ModelRegistry, Limits]:
    """What a new session of the tenant needs: `models_of`, and the tenant's limits."""
    loaded = await inference()
    load = database_sync_to_async(_needed_by, thread_sensitive=False)
    providers, routers, tenant_limits = await load(grant.tenant_id)
    defaults = (grant.default_model, grant.default_transcription_model, grant.default_speech_model)
    return _registry(loaded, grant.tenant_id, defaults, providers, routers), tenant_limits


def _registry(
    loaded: Inference,
    tenant_id: uuid.UUID,
    defaults: tuple[str, str, str],
    providers: Mapping[str, Provider],
    routers: Mapping[str, Router],
) -> ModelRegistry:
    return loaded.models_for(
        *defaults,
        providers=providers,
        routers=Routers(routers, tenant=str(tenant_id), memory=_routing, cost_of=usual_answer_micro),
    )


def _needed_by(
    tenant_id: uuid.UUID,
) -> tuple[Mapping[str, Provider], Mapping[str, Router], Limits]:
    return *_chosen_by(tenant_id), limits_of(tenant_id)


def _chosen_by(tenant_id: uuid.UUID) -> tuple[Mapping[str, Provider], Mapping[str, Router]]:
    return providers_of(tenant_id), routers_of(tenant_id)


def is_loaded() -> bool:
    return _loaded is not None


def tool_servers_of(tenant_id: str) -> ToolServers:
    return _tool_servers.of_tenant(tenant_id)


async def functions_of(grant: KeyGrant, session: Session) -> Functions:
    """Those of the functions with which a session begins that the tenant's own servers run. What its client
    declares later is the client's: whoever holds a client secret must not be able to call any tool there is."""
    names = [tool.name for tool in session.tools if isinstance(tool, FunctionTool)]
    if not names:
        return NoFunctions()
    load = database_sync_to_async(_runners, thread_sensitive=False)
    tools = await load(grant.tenant_id, names)
    agent = session.model.removeprefix("agent/") if session.model.startswith("agent/") else ""
    return HttpFunctions(_outbound, tools, Caller(session.id, agent.partition("@")[0]))


async def tool_calls_count_of(tenant_id: uuid.UUID, tally: ToolTally) -> None:
    """What is counted is no reason for a session to end badly."""
    if tally.made:
        try:
            await database_sync_to_async(_count, thread_sensitive=False)(tenant_id, tally)
        except DatabaseError:
            log.exception("tool_calls_not_counted", tenant_id=str(tenant_id))


def _count(tenant_id: uuid.UUID, tally: ToolTally) -> None:
    with tenant_context(tenant_id):
        tool_calls_count(made=tally.made)


def _runners(tenant_id: uuid.UUID, names: Sequence[str]) -> Mapping[str, HttpTool]:
    with tenant_context(tenant_id):
        return runners_of(names)


def event_log() -> EventLog:
    """Started by the first session. Called on the event loop only."""
    global _event_log
    if _event_log is None:
        _event_log = EventLog()
        _event_log.start()
    return _event_log


def recorder() -> Recorder:
    """Started by `startup`, else by the first session. Called on the event loop only."""
    global _recorder
    if _recorder is None:
        _recorder = Recorder(settings.USAGE_SPOOL, books=BOOKS)
        _recorder.start()
    return _recorder


def audio_recorder() -> AudioRecorder:
    """Started by `startup`, else by the first session that is recorded. Called on the event loop only."""
    global _audio_recorder
    if _audio_recorder is None:
        _audio_recorder = AudioRecorder(settings.RECORDINGS_SPOOL)
        _audio_recorder.start()
    return _audio_recorder


def spending() -> SpendKeeper:
    """Started by `startup`, else by the first session. Called on the event loop only."""
    global _spending
    if _spending is None:
        _spending = SpendKeeper()
        _spending.start()
    return _spending


async def writers_end() -> None:
    """Stops the threads that write for this process's sessions, when they have written what they can. The next
    session starts others."""
    global _event_log, _recorder, _audio_recorder, _spending
    if _event_log is not None:
        ending, _event_log = _event_log, None
        await asyncio.to_thread(ending.stop)
    if _audio_recorder is not None:  # what it writes is about rows that are there now
        silenced, _audio_recorder = _audio_recorder, None
        await asyncio.to_thread(silenced.stop)
    if _recorder is not None:
        stopping, _recorder = _recorder, None
        await asyncio.to_thread(stopping.stop)
    if _spending is not None:  # the last one: what is in the ledger by now needs no hold
        settling, _spending = _spending, None
        await asyncio.to_thread(settling.stop)


async def shutdown() -> None:
    global _loaded
    await _revocations.stop()
    await calls.stop()
    await limits.stop()
    await _health.stop()
    await writers_end()
    await _tool_servers.aclose()
    await _outbound.aclose()
    if _loaded is not None:
        closing, _loaded = _loaded, None
        await closing.aclose()


def _load() -> Inference:
    global _loaded
    with _loading:
        if _loaded is None:
            _loaded = load_inference(env())
        return _loaded
