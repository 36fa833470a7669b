"""A tenant that has something of everything, as if a hotel had used it for some weeks."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

from apps.keys.models import Scope
from tests.conformance.commands import manage
from tests.platform_fixture import Platform
from tests.webhooks.receiver import receiving, status

DAYS = 60
ROOM = {
    "type": "object",
    "properties": {
        "nights": {"type": "integer", "minimum": 1, "description": "How long the guest stays"},
        "kind": {"type": "string", "enum": ["single", "double", "suite"]},
    },
    "required": ["nights", "kind"],
}
ROUTER = {
    "kind": "language",
    "routes": [
        {
            "name": "gold guests",
            "when": {"all": [{"field": "metadata.plan", "op": "in", "value": ["gold", "platinum"]}]},
            "select": "order",
            "variants": [{"models": ["openai/gpt-4.1", "groq/openai/gpt-oss-120b"]}],
        }
    ],
    "default": {
        "select": "latency",
        "variants": [{"models": ["groq/openai/gpt-oss-120b", "openai/gpt-4.1-mini"]}],
    },
    "fallbacks": ["local/dialogue"],
}
SAVED_VIEW = """
from apps.analytics.models import SavedView
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant

with tenant_context(Tenant.objects.get(slug="demo").id):
    print(SavedView.objects.create(name="This month by version", query="period=month&by=version").id)
"""
PROMPT = """You are the front desk of the {{hotel}}, on the telephone. Answer in one or two short sentences.

1. Find out what the caller wants.
2. For a booking, ask for the kind of room and the number of nights, and look up the rate.
3. Say the rate and what it includes. Ask whether you shall book.

Never invent a rate. If something can't be answered, offer to have somebody call back."""


VENDORS = {"openai": "sk-of-no-account-at-all-4f2a", "groq": "gsk-of-no-account-at-all-91bc"}


def furnish(platform: Platform, sessions: int = 20, *, sound: bool = False) -> Mapping[str, str]:
    """Furnishes the tenant `demo`, with `sound` also with a session to listen to, which is the one that is named
    then. Returns what addresses name in it, by the name of the argument."""
    arguments = ("--tenant", "demo", "--name", "Call centre", "--scopes", *Scope.values)
    key = _manage(platform, "create_api_key", *arguments)
    api = Api(platform.base_url.removesuffix("/v1") + "/api/v1", key)
    for slug, vendor_key in VENDORS.items():
        api.put(f"/provider-credentials/{slug}", key=vendor_key)
    api.put("/servers/on-premises", dialect="openai", base_url="https://models.harbour.example/v1")
    api.put("/routers/main", definition=ROUTER)
    rate = api.post(
        "/tools",
        slug="room_rate",
        kind="http",
        description="Today's rate of a room, in euros",
        parameters=ROOM,
        url="https://rates.harbour.example/room",
        headers={"Authorization": "Bearer of-nobody"},
        speak_while_running="One moment, I look that up.",
    )["tool"]
    api.post("/tools", slug="show_map", kind="client", description="Shows the way to the hotel in the app")
    _agent(api, "front-desk", "Front desk", "receptionist", tags=["telephone"])
    for slug, name, template in (
        ("bookings", "Bookings", "appointments"),
        ("guest-survey", "Guest survey", "survey"),
        ("night-line", "Night line", "support"),
    ):
        _agent(api, slug, name, template)
    front_desk = api.get("/agents/front-desk")
    draft = front_desk["draft"]
    draft["prompt"] = {"instructions": PROMPT, "variables": [{"name": "hotel", "default": "Harbour Hotel"}]}
    draft["first_message"] = "Harbour Hotel, good day. How can I help you?"
    draft["tools"] = ["room_rate", "show_map"]
    draft["model"] = {"name": "openai/gpt-4.1-mini"}
    api.put("/agents/front-desk/draft", spec=draft, revision=front_desk["draft_revision"])
    api.post("/agents/front-desk/publish", notes="Looks up the rates itself")
    api.put("/agents/front-desk/traffic", weights={"1": 1, "2": 3})
    draft["limits"] = {"session_seconds": 900}
    api.put("/agents/front-desk/draft", spec=draft, revision=api.get("/agents/front-desk")["draft_revision"])
    invitation = api.post("/invitations", email="bob@harbour.example", role="developer")
    api.post("/invitations", email="carol@harbour.example", role="viewer")
    api.post("/customers", external_id="globex", name="Globex Corporation", markup_bp=2500)
    api.post("/customers/globex/statements", month="2026-01")
    budget = api.post("/budgets", amount_micro=50_000_000)
    told = {"description": "The hotel's desk", "events": ["tool.failed", "budget.warning"]}
    with receiving() as desk:
        desk.usual = status(200, '{"ok": true}')
        endpoint_id = api.post("/webhooks", url=desk.url, **told)["endpoint"]["id"]
        delivery = api.post(f"/webhooks/{endpoint_id}/test", type="tool.failed")
    api.post("/erasures", identifier="guest-4711")
    api.post("/exports")
    invoice = _billed(platform, api)
    key = api.post("/keys", name="Website", scopes=["realtime"], realtime_only=True)["key"]
    sizes = ("--sessions", str(sessions), "--days", str(DAYS), "--with-events", str(max(60, sessions // 2)))
    seeded = _manage(platform, "seed_sessions", "--tenant", "demo", "--yes", *sizes, *["--sound"] * sound)
    view_id = _manage(platform, "shell", "--no-imports", "-c", SAVED_VIEW).splitlines()[-1]
    today = datetime.now(UTC).date()
    days = {"first": str(today - timedelta(days=DAYS - 1)), "last": str(today)}
    for kind, format in (("usage", "csv"), ("quality", "pdf"), ("agents", "xlsx"), ("cost", "pdf")):
        report = api.post("/reports", kind=kind, format=format, **days)
    recipients = ["accounts@harbour.example"]
    schedule = api.post("/report-schedules", name="Costs of the week", kind="cost", recipients=recipients)
    newest = api.get("/sessions?limit=40")["data"]
    longest = max(newest, key=lambda session: int(session["turns"]))
    return {
        "slug": "demo",
        "agent_slug": "front-desk",
        "number": "1",
        "tool_id": rate["id"],
        "router_name": "main",
        "external_id": "globex",
        "month": "2026-01",
        "budget_id": budget["id"],
        "report_id": report["id"],
        "schedule_id": schedule["id"],
        "endpoint_id": endpoint_id,
        "delivery_id": delivery["id"],
        "view_id": view_id,
        "invoice_id": invoice["id"],
        "line_id": str(invoice["lines"][0]["id"]),
        "transaction_id": api.get("/ledger")["data"][0]["id"],
        "key_id": key["id"],
        "session_id": seeded.splitlines()[0] if sound else longest["session_id"],
        "invitation_id": invitation["id"],
    }


def take_keys_away(platform: Platform) -> None:
    """Those of vendors: who talks to this platform next has none."""
    key = _manage(
        platform, "create_api_key", "--tenant", "demo", "--name", "Leaving", "--scopes", *Scope.values
    )
    api = Api(platform.base_url.removesuffix("/v1") + "/api/v1", key)
    for slug in VENDORS:
        api.delete(f"/provider-credentials/{slug}")


def _billed(platform: Platform, api: "Api") -> Any:
    """Subscribes at the stand-in for Stripe, whose webhooks then bring the invoice."""
    back = {"success_url": "https://harbour.example/", "cancel_url": "https://harbour.example/"}
    page = api.post("/subscription", plan="enterprise", **back)["url"].rsplit("/", 1)[1]
    pay = f"from apps.billing.fake.installation import installed; installed().pay_checkout({page!r})"
    _manage(platform, "shell", "--no-imports", "-c", pay)
    by = time.monotonic() + 60
    while not (invoices := api.get("/invoices")["data"]) or invoices[0]["status"] != "paid":
        assert time.monotonic() < by, "No invoice came."
        time.sleep(0.2)
    return api.get(f"/invoices/{invoices[0]['id']}")


def _manage(platform: Platform, *arguments: str) -> str:
    done = manage(platform.data_dir, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _agent(api: "Api", slug: str, name: str, template: str, tags: list[str] | None = None) -> None:
    api.post("/agents", slug=slug, name=name, template=template, tags=tags or [])
    api.post(f"/agents/{slug}/publish", notes="")


@dataclass(frozen=True)
class Api:
    """The management API, with a key that may do everything."""

    url: str
    key: str

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, **body: object) -> Any:
        return self._ask("POST", path, body)

    def put(self, path: str, **body: object) -> Any:
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        with urlopen(Request(self.url + path, data, headers, method=method)) as response:
            return json.loads(response.read() or "null")
