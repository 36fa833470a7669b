"""What the editor of an agent shows: its fields, and what comes of them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.forms import BaseFormSet
from django.http import QueryDict
from django.utils import timezone

from antiphon.metering.price_files import list_prices
from antiphon.providers.catalogue import loader as catalogue
from apps.agents.estimates import ASSUMPTIONS, estimate
from apps.agents.models import Agent
from apps.agents.offers import ModelOffer, Offers, offers_for
from apps.agents.services import check_spec
from apps.agents.spec import AgentSpec
from apps.dashboard.forms.agents import FIELDS, SpecForm, VariableForm, VariableForms, fields_of, rows_of
from apps.tenants.models import Tenant
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.tools.selectors import tool_list

LANGUAGES = (
    "ar bg ca cs da de el en es et fi fr he hi hr hu id it ja ko lt lv nl no pl pt ro ru sk sl sv th tr uk "
    "vi zh"
)
_PREFIX = "variables"


@dataclass(frozen=True, slots=True)
class DraftForms:
    """The fields of a draft with what they come to: `spec` has what could be read, `revision` is that of the draft
    which was changed."""

    fields: SpecForm
    variables: "BaseFormSet[VariableForm]"
    spec: AgentSpec
    revision: int = 0

    @classmethod
    def showing(cls, spec: AgentSpec) -> Self:
        fields = SpecForm(initial=fields_of(spec), tools=_tools(spec.tools))
        return cls(fields, VariableForms(initial=rows_of(spec), prefix=_PREFIX), spec)

    @classmethod
    def entered(cls, given: QueryDict, old: AgentSpec) -> Self:
        """Raises ValidationError for a form that no page of ours sends."""
        fields = SpecForm(given, tools=_tools(old.tools))
        variables = VariableForms(given, prefix=_PREFIX)
        fields.is_valid(), variables.is_valid()
        revision = given.get("revision", "")
        return cls(fields, variables, fields.read(old, variables), int(revision) if revision.isdigit() else 0)

    @property
    def unread(self) -> list["Fault"]:
        """What was typed and could not be read."""
        faults = [
            Fault(str(self.fields[name].label), f"id_{name}", str(text))
            for name, texts in self.fields.errors.items()
            for text in texts
        ]
        kept = [row for row in self.variables if row.is_bound and not row.cleaned_data.get("DELETE")]
        return faults + [
            Fault("Variables", "variables", f"{name}: {text}")
            for row in kept
            for name, texts in row.errors.items()
            for text in texts
        ]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, and where on the page that is."""

    label: str
    anchor: str
    message: str


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a searchable list. `note` is what people should know before they choose it."""

    value: str
    note: str


def faults_of(spec: AgentSpec) -> list[Fault]:
    """What keeps a draft from being published."""
    try:
        check_spec(spec)
    except ValidationError as error:
        return [_fault(path, text) for path, texts in error.message_dict.items() for text in texts]
    return []


def editing_context(
    agent: Agent, spec: AgentSpec, forms: DraftForms, membership: PersonalMembership
) -> dict[str, Any]:
    tenant = Tenant.objects.get(pk=membership.tenant_id)
    offers = offers_for(tenant, today=timezone.now().date())
    entries = {entry.name: entry for entry in catalogue.entries()}
    return {
        "agent": agent,
        "form": forms.fields,
        "variables": forms.variables,
        "faults": [*forms.unread, *faults_of(spec)],
        "obstacles": obstacles(spec, offers),
        "estimate": estimate(spec, offers.used_by(spec), list_prices(), entries, time.time() * 1000),
        "assumptions": ASSUMPTIONS,
        "defaults": offers.defaults,
        "lists": {
            "models": _options(offers.of("language", "realtime")),
            "writers": _options(offers.of("language")),
            "speech-models": _options(offers.of("text_to_speech")),
            "recognisers": _options(offers.of("speech_to_text")),
            "languages": [Option(code, "") for code in LANGUAGES.split()],
        },
        "voices": [Option(voice, "") for voice in voices(spec, offers)],
        "may_build": membership.allows(May.BUILD) and agent.archived_at is None,
    }


def obstacles(spec: AgentSpec, offers: Offers) -> list[str]:
    """What has to be done before the models that the spec names can be used."""
    after = spec.after_call
    names = (spec.model.name, spec.voice.model, spec.hearing.model, after.model, after.transcription_model)
    named = set(filter(None, names))
    found = {offer.obstacle for offer in offers.models if offer.name in named and offer.obstacle}
    return sorted(found)


def voices(spec: AgentSpec, offers: Offers) -> Sequence[str]:
    """Those of the model that speaks."""
    used = offers.used_by(spec)
    speaking = set(used.language if used.speaks_itself else used.voice)
    return list(
        dict.fromkeys(voice for offer in offers.models if offer.name in speaking for voice in offer.voices)
    )


def _options(offers: Iterable[ModelOffer]) -> list[Option]:
    return [Option(offer.name, "Needs a key" if offer.obstacle else "") for offer in offers]


def _tools(chosen: Iterable[str]) -> list[tuple[str, str]]:
    """With those that are gone, so that they can be taken out."""
    there = {tool.slug: ": ".join(filter(None, (tool.slug, tool.description))) for tool in tool_list()}
    gone = {slug: f"{slug} (is gone)" for slug in chosen if slug not in there}
    return [*there.items(), *gone.items()]


def _fault(path: str, message: str) -> Fault:
    field = FIELDS.get(path) or FIELDS.get(path.partition("[")[0], "")
    if field in ("variables", "tools"):
        return Fault(field.title(), field, message)
    label = SpecForm.base_fields[field].label if field else None
    return Fault(str(label or field.replace("_", " ").capitalize() or "The agent"), f"id_{field}", message)
