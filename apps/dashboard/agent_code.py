"""How clients use an agent, as code that runs when it is copied."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from apps.agents.models import Agent
from apps.agents.spec import AgentSpec
from apps.tenants.endpoints import EndpointUrls


@dataclass(frozen=True, slots=True)
class Snippet:
    label: str
    text: str


def snippets(agent: Agent, spec: AgentSpec, urls: EndpointUrls) -> Sequence[Snippet]:
    """With a place for each variable that a session needs."""
    needed = {v.name: f"<{v.name}>" for v in spec.prompt.variables if v.required and not v.default}
    query = {f"var.{name}": value for name, value in needed.items()}
    session: dict[str, object] = {"type": "realtime", "model": str(agent)}
    if needed:
        session["providerData"] = {"antiphon": {"variables": needed}}
    body = json.dumps({"session": session})
    address = f"{urls.websocket}?{urlencode({'model': str(agent), **query}, quote_via=quote, safe='/<>')}"
    return (
        Snippet("Python", _python(agent, query, urls)),
        Snippet("JavaScript", _javascript(address)),
        Snippet("curl: a client secret", _curl(body, urls)),
    )


def _python(agent: Agent, query: dict[str, str], urls: EndpointUrls) -> str:
    more = f", extra_query={query!r}" if query else ""
    return f"""from openai import OpenAI

client = OpenAI(base_url="{urls.base}", api_key="sk_...")
with client.realtime.connect(model="{agent}"{more}) as connection:
    for event in connection:
        print(event.type)
"""


def _javascript(address: str) -> str:
    return f"""// In a browser. Your server makes the client secret: see curl.
const socket = new WebSocket("{address}", [
  "realtime",
  "openai-insecure-api-key." + clientSecret,
]);
socket.onmessage = ({{ data }}) => console.log(JSON.parse(data).type);
"""


def _curl(body: str, urls: EndpointUrls) -> str:
    return f"""curl {urls.base}/realtime/client_secrets \\
  -H "Authorization: Bearer $ANTIPHON_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{body}'
"""
