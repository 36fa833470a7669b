"""What keeps a spec from being published: every fault at once, each with its place and what to do."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon.protocol.session import SemanticVad, ServerVad
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.catalogue import loader as catalogue
from antiphon.providers.catalogue.entries import RealtimeEntry
from apps.agents.spec import AgentSpec, Variable
from apps.agents.variables import names_in, read_value
from apps.privacy.redactors import redactor
from apps.transcripts.fields import schema_problems

LONGEST_INSTRUCTIONS = 50_000  # characters
LONGEST_FIRST_MESSAGE = 1_000
MOST_VARIABLES = 50
MOST_TOOLS = 64
MOST_METADATA = 16
MOST_DAYS = 3650

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_MODEL = re.compile(r"[a-z0-9][a-z0-9_.-]*/\S+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is that of the field, as in `prompt.variables[0].name`."""

    path: str
    message: str


def problems(spec: AgentSpec, *, longest_session: int) -> list[Problem]:
    """What is wrong with the spec by itself. `longest_session` is the platform's, in seconds."""
    return [
        *_of_prompt(spec),
        *_of_models(spec),
        *_of_speech(spec),
        *_of_turn_taking(spec),
        *_of_tools(spec),
        *_of_limits(spec, longest_session),
        *_of_privacy(spec),
        *_of_after_call(spec),
        *_of_metadata(spec),
    ]


def _of_prompt(spec: AgentSpec) -> Iterator[Problem]:
    texts = {"prompt.instructions": spec.prompt.instructions, "first_message": spec.first_message}
    if not spec.prompt.instructions.strip():
        yield Problem("prompt.instructions", "Say what the agent is to do.")
    yield from _too_long("prompt.instructions", spec.prompt.instructions, LONGEST_INSTRUCTIONS)
    yield from _too_long("first_message", spec.first_message, LONGEST_FIRST_MESSAGE)
    declared = {variable.name for variable in spec.prompt.variables}
    for path, text in texts.items():
        for name in sorted(names_in(text) - declared):
            yield Problem(path, f"{{{{{name}}}}} is no variable yet: declare it below, or remove it.")
    if len(spec.prompt.variables) > MOST_VARIABLES:
        yield Problem("prompt.variables", f"There can be {MOST_VARIABLES} variables at most.")
    times = Counter(variable.name for variable in spec.prompt.variables)
    for index, variable in enumerate(spec.prompt.variables):
        yield from _of_variable(variable, f"prompt.variables[{index}]", times[variable.name])


def _of_variable(variable: Variable, path: str, times: int) -> Iterator[Problem]:
    if not _NAME.fullmatch(variable.name):
        yield Problem(
            f"{path}.name",
            f"{variable.name!r} can't be a variable: use small letters, digits and underscores, a letter first.",
        )
    elif times > 1:
        yield Problem(f"{path}.name", f"{variable.name!r} is declared twice: remove one of them.")
    if variable.default and read_value(variable, variable.default) is None:
        yield Problem(f"{path}.default", f"{variable.default!r} is no {variable.type}.")


def _of_models(spec: AgentSpec) -> Iterator[Problem]:
    for path, name in (
        ("model.name", spec.model.name),
        ("voice.model", spec.voice.model),
        ("hearing.model", spec.hearing.model),
        ("after_call.model", spec.after_call.model),
        ("after_call.transcription_model", spec.after_call.transcription_model),
    ):
        if name.startswith("agent/"):
            yield Problem(path, "An agent can't be the model of another: choose a model or a router.")
        elif name and not _MODEL.fullmatch(name):
            yield Problem(path, f"{name!r} is no model: models are named provider/model or router/<name>.")
    temperature = spec.model.temperature
    yield from _outside("model.temperature", temperature, 0, 2)


def _of_speech(spec: AgentSpec) -> Iterator[Problem]:
    yield from _outside("voice.speed", spec.voice.speed, 0.25, 1.5)
    if spec.hearing.language and not _LANGUAGE.fullmatch(spec.hearing.language):
        yield Problem("hearing.language", "Give a language by its two letters, as 'en', or leave this empty.")
    abilities = _speaks_itself(spec)
    if abilities is None:
        return
    if spec.voice.speed != 1 and not abilities.speed:
        yield Problem("voice.speed", f"{spec.model.name} speaks at its own speed only: set 1.")
    if spec.first_message and not abilities.per_response:
        yield Problem(
            "first_message",
            f"{spec.model.name} can't be given words: leave this empty, and ask for a greeting in the prompt.",
        )
    if spec.voice.name and abilities.voices and spec.voice.name not in abilities.voices:
        yield Problem(
            "voice.name",
            f"{spec.model.name} has the voices {', '.join(abilities.voices)}: choose one of them.",
        )


def _speaks_itself(spec: AgentSpec) -> RealtimeCapabilities | None:
    entry = catalogue.find(spec.model.name)
    return entry.capabilities if isinstance(entry, RealtimeEntry) else None


def _of_turn_taking(spec: AgentSpec) -> Iterator[Problem]:
    match spec.turn_taking:
        case ServerVad() as vad:
            yield from _outside("turn_taking.threshold", vad.threshold, 0, 1)
            yield from _outside("turn_taking.prefix_padding_ms", vad.prefix_padding_ms, 0, 60_000)
            yield from _outside("turn_taking.silence_duration_ms", vad.silence_duration_ms, 0, 60_000)
            yield from _outside("turn_taking.idle_timeout_ms", vad.idle_timeout_ms, 5_000, 30_000)
        case SemanticVad() | None:
            pass


def _of_tools(spec: AgentSpec) -> Iterator[Problem]:
    if len(spec.tools) > MOST_TOOLS:
        yield Problem("tools", f"An agent can have {MOST_TOOLS} tools at most.")
    for index, slug in enumerate(spec.tools):
        if slug in spec.tools[:index]:
            yield Problem(f"tools[{index}]", f"The tool {slug!r} is there twice: remove one of them.")


def _of_limits(spec: AgentSpec, longest_session: int) -> Iterator[Problem]:
    yield from _outside("limits.session_seconds", spec.limits.session_seconds, 10, longest_session)
    yield from _outside("limits.response_tokens", spec.limits.response_tokens, 1, 100_000)


def _of_privacy(spec: AgentSpec) -> Iterator[Problem]:
    privacy = spec.privacy
    known = redactor().kinds
    if unknown := sorted(set(privacy.redact) - set(known)):
        yield Problem(
            "privacy.redact", f"Nothing finds {', '.join(unknown)}: choose of {', '.join(sorted(known))}."
        )
    if privacy.record and privacy.redact and not privacy.keep_log:
        yield Problem(
            "privacy.record",
            "What is to be bleeped out is found in the transcript: keep transcripts, or record nothing.",
        )
    for name in ("log_days", "transcript_days", "recording_days"):
        yield from _outside(f"privacy.{name}", getattr(privacy, name), 1, MOST_DAYS)


def _of_after_call(spec: AgentSpec) -> Iterator[Problem]:
    after = spec.after_call
    yield from (Problem("after_call.fields", problem) for problem in schema_problems(after.fields))
    if after.fields and not after.model:
        yield Problem("after_call.model", "Name the model that is to find out the fields, or ask for none.")
    if isinstance(catalogue.find(after.model), RealtimeEntry):
        yield Problem("after_call.model", f"{after.model} speaks and can't write: choose a language model.")


def _of_metadata(spec: AgentSpec) -> Iterator[Problem]:
    if len(spec.metadata) > MOST_METADATA:
        yield Problem("metadata", f"There can be {MOST_METADATA} entries at most.")
    for key, value in spec.metadata.items():
        if not key or len(key) > 64 or len(value) > 512:
            yield Problem("metadata", f"{key!r}: keys have 1 to 64 characters, values at most 512.")


def _outside(path: str, value: float | None, least: float, most: float) -> Sequence[Problem]:
    if value is None or least <= value <= most:
        return ()
    return (Problem(path, f"{value:g} is out of range: give {least:g} to {most:g}."),)


def _too_long(path: str, text: str, most: int) -> Sequence[Problem]:
    if len(text) <= most:
        return ()
    return (Problem(path, f"This has {len(text):,} characters; {most:,} at most are taken."),)
