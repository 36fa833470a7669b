"""Agents to start from. Each is a file here: what it is, and its spec."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.core.exceptions import ValidationError

from apps.agents.spec import AgentSpec, read_spec


@dataclass(frozen=True, slots=True)
class Starter:
    """`icon` is a name at lucide.dev."""

    slug: str
    name: str
    description: str
    icon: str
    spec: AgentSpec


@cache
def starters() -> tuple[Starter, ...]:
    """By name."""
    read = [_read(path) for path in Path(__file__).parent.glob("*.toml")]
    return tuple(sorted(read, key=lambda starter: starter.name))


def starter(slug: str) -> Starter:
    """Raises ValidationError."""
    for found in starters():
        if found.slug == slug:
            return found
    known = ", ".join(found.slug for found in starters())
    raise ValidationError({"template": f"There is no template {slug!r}: use one of {known}."})


def _read(path: Path) -> Starter:
    document = tomllib.loads(path.read_text())
    spec = read_spec(document["spec"])
    return Starter(path.stem, document["name"], document["description"], document["icon"], spec)
