"""What a router would do for somebody, and why: so that its rules can be tried before sessions follow them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon.metering.expected import usual_answer_micro
from antiphon.providers.routing.conditions import METADATA
from antiphon.providers.routing.format import LanguageRouter, RecognitionRouter, Router, VoiceRouter
from antiphon.providers.routing.health import Vital
from antiphon.providers.routing.policy import Candidate, choose, draw


@dataclass(frozen=True, slots=True)
class Explanation:
    """`candidates` in the order in which they are asked. `route` and `variant` are empty where there are none."""

    candidates: Sequence[Candidate]
    route: str = ""
    variant: str = ""


def explain(
    name: str,
    router: Router,
    *,
    user: str = "",
    language: str = "",
    modality: str = "audio",
    metadata: Mapping[str, str] | None = None,
) -> Explanation:
    """As if every model were well and nobody had measured them. `modality` is audio or text."""
    match router:
        case LanguageRouter():
            known = {"user": user, "language": language, "modality": modality}
            facts = {field: value for field, value in known.items() if value}
            facts |= {f"{METADATA}{key}": value for key, value in (metadata or {}).items()}
            choice = choose(
                router,
                facts,
                drawn=draw(f"router/{name}", user),
                before=None,
                deadline_ms=None,
                vital_of=lambda model: Vital(),
                cost_of=usual_answer_micro,
            )
            return Explanation(choice.candidates, choice.route, choice.variant)
        case RecognitionRouter():
            return Explanation([Candidate(model, "in this order") for model in router.models])
        case VoiceRouter():
            return Explanation([Candidate(voice.model, "in this order") for voice in router.candidates])
