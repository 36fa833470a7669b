"""Models that are asked about a session when it is over, by who is no session: in a worker's process. What they use
is recorded and billed as the session's own."""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Literal, TypeVar

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import F

from antiphon.config.env import env
from antiphon.config.inference import catalogue_facts, default_models, platform_providers
from antiphon.engine.ports import UnknownModel
from antiphon.metering.expected import usual_answer_micro
from antiphon.metering.price_files import list_prices
from antiphon.metering.pricing import PriceRules, billed
from antiphon.metering.records import Kind, UsageRecord, User, usage_record
from antiphon.providers.base.attempts import answer
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import Attempt, LlmRequest, Message, Outcome, TextDelta
from antiphon.providers.base.stt import FinalTranscript, SttConfig
from antiphon.providers.base.usage import Quantities, of_recognition, of_tokens
from antiphon.providers.local.dialogue.model import DialogueModel
from antiphon.providers.registry import Engines, ModelRegistry
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.routers import Routers
from apps.billing.ledger import balance_micro
from apps.billing.selectors import terms_of
from apps.conversations import runtime
from apps.conversations.models import RealtimeSession
from apps.core.outbound import outbound_policy
from apps.credentials.selectors import providers_of
from apps.routers.selectors import routers_of
from apps.usage.services import unpriced_report

T = TypeVar("T")

_memory = RoutingMemory()
_starting = threading.Lock()

_LASTING = ("auth", "quota", "invalid", "context_length", "not_found", "unsupported")
"""Kinds of failures of a provider that another try won't mend."""


class CantAsk(Exception):
    """Why a model can't be asked, or won't answer, however often it is tried: a sentence for people."""


class Models:
    """A tenant's models for one task about a session; `name` is what the task is called in records."""

    def __init__(
        self,
        session: RealtimeSession,
        registry: ModelRegistry,
        name: str,
        rules: PriceRules,
        spent: list[int],
        has_money: bool,
    ) -> None:
        """`spent` gets the price of each record, in micro-dollars. Without money there are only models that cost
        the operator nothing."""
        self._user = _user_of(session)
        self._registry = registry
        self._name = name
        self._rules = rules
        self._spent = spent
        self._has_money = has_money

    @property
    def price_micro(self) -> int:
        """Of what was used so far, in micro-dollars."""
        return sum(self._spent)

    async def ask(self, model: str, instructions: str, texts: Sequence[str], most_tokens: int) -> str:
        """What a language model answers; `texts` are the user's and the assistant's in turn."""
        self._check_money(model)
        roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant")
        request = LlmRequest(
            instructions,
            [Message(roles[number % 2], text) for number, text in enumerate(texts)],
            max_output_tokens=most_tokens,
            modality="text",
            report=self._attempted,
        )
        async with aclosing(answer(self._registry.language_model(model), request)) as events:
            return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    async def hear(self, model: str, pcm: bytes, config: SttConfig) -> FinalTranscript:
        """What a recogniser hears in PCM16 mono at 24 kHz."""
        self._check_money(model)
        recogniser = self._registry.speech_to_text(model)
        stream = recogniser.open(config)
        try:
            stream.push(pcm)
            stream.finish()
            async for event in stream.events():
                if isinstance(event, FinalTranscript):
                    return event
            raise ProviderError("upstream", f"{model} ended without a transcript.")
        finally:
            if stream.usage is not None:
                self._record("transcription", recogniser.name, of_recognition(stream.usage))
            await stream.aclose()

    def context_tokens(self, model: str) -> int:
        """How much a language model reads."""
        return self._registry.language_model(model).capabilities.context_tokens

    def _check_money(self, model: str) -> None:
        provider = model.partition("/")[0]
        if not self._has_money and provider != "local" and provider not in self._registry.own:
            raise CantAsk("The balance is used up: add to it, then run this again.")

    def _attempted(self, attempt: Attempt) -> None:
        if attempt.usage is not None:
            quantities: Quantities = {**of_tokens(attempt.usage), "request": 1}
            self._record("response", attempt.model, quantities, attempt.usage.estimated, attempt.outcome)

    def _record(
        self,
        kind: Kind,
        model: str,
        quantities: Quantities,
        estimated: bool = False,
        outcome: Outcome | None = None,
    ) -> None:
        at = time.time() * 1000
        used = billed(
            model,
            quantities,
            at,
            rates=list_prices(),
            rules=self._rules,
            own_credential=model.partition("/")[0] in self._registry.own,
        )
        record = usage_record(
            self._user,
            kind=kind,
            attempt=len(self._spent),
            model=model,
            billed=used,
            response_id=self._name,
            estimated=estimated,
            outcome=outcome,
            at=at,
        )
        self._spent.append(record.price_micro)
        _keep(record)


Work = Callable[[Models], Awaitable[T]]


def with_models(session: RealtimeSession, work: Work[T], *, name: str, embedded: bool = False) -> T:
    """What the work comes to, with the tenant's models as they are now.

    `name` must be another one each time: what is used under it is recorded once. `embedded` recognisers are loaded
    if they are wanted, which takes seconds. Raises CantAsk, ProviderError for what may pass, and what else the work
    does.
    """
    providers, routers = providers_of(session.tenant_id), routers_of(session.tenant_id)
    terms = terms_of(session.tenant_id)
    rules = PriceRules(markup_bp=terms.markup_bp)
    has_money = not settings.BILLING or balance_micro() + terms.credit_micro > 0
    spent: list[int] = []

    async def run() -> T:
        engines = (await runtime.inference()).engines if embedded else Engines((DialogueModel(),))
        wire = Wire(policy=outbound_policy())
        registry = ModelRegistry(
            wire,
            default_models(env(), ()),
            engines=engines,
            providers={**platform_providers(env()), **providers},
            routers=Routers(
                routers, tenant=str(session.tenant_id), memory=_memory, cost_of=usual_answer_micro
            ),
            facts=catalogue_facts,
            own=frozenset(providers),
        )
        try:
            return await work(Models(session, registry, name, rules, spent, has_money))
        finally:
            await wire.aclose()

    try:
        return async_to_sync(run)()
    except UnknownModel as unknown:
        raise CantAsk(str(unknown)) from None
    except ProviderError as failure:
        if failure.kind in _LASTING:
            raise CantAsk(failure.message) from None
        raise
    finally:
        if price := sum(spent):
            RealtimeSession.objects.filter(id=session.id).update(cost_micro=F("cost_micro") + price)


def _user_of(session: RealtimeSession) -> User:
    key, version, customer = session.api_key_id, session.agent_version_id, session.customer_id
    return User(
        tenant_id=str(session.tenant_id),
        session_id=session.session_id,
        api_key_id=str(key) if key else None,
        agent_version_id=str(version) if version else None,
        customer_id=str(customer) if customer else None,
    )


def _keep(record: UsageRecord) -> None:
    with _starting:
        recorder = runtime.recorder()
    recorder.record(record)
    if record.unpriced:
        unpriced_report(model=record.model, units=tuple(line.unit for line in record.unpriced))
