"""From a spec to a session: what `session.update` would take to make a session this agent's."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from antiphon.protocol.session import ToolConfig
from apps.agents.spec import AgentSpec
from apps.agents.variables import filled


def session_settings(
    spec: AgentSpec, values: Mapping[str, str], tools: Sequence[ToolConfig]
) -> dict[str, Any]:
    """JSON in the shape of the protocol's session. What the agent leaves to the tenant's defaults is not in it."""
    output = {"speed": spec.voice.speed}
    session: dict[str, Any] = {
        "instructions": filled(spec.prompt.instructions, values),
        "audio": {
            "input": {
                "turn_detection": msgspec.to_builtins(spec.turn_taking),
                "transcription": _present(
                    model=spec.hearing.model,
                    language=spec.hearing.language,
                    prompt=spec.hearing.vocabulary,
                ),
            },
            "output": output | _present(model=spec.voice.model, voice=spec.voice.name),
        },
        "tools": [msgspec.to_builtins(tool) for tool in tools],
        "max_output_tokens": spec.limits.response_tokens or "inf",
    }
    if spec.model.temperature is not None:
        session["temperature"] = spec.model.temperature
    if spec.metadata:
        session["providerData"] = {"metadata": spec.metadata}
    return session


def _present(**settings: str) -> dict[str, str]:
    return {name: value for name, value in settings.items() if value}
