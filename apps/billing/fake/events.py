"""Events, looked up after they were told."""

from fnmatch import fnmatchcase

import msgspec
from stripe.params import EventListParams, EventRetrieveParams

from apps.billing.fake import refusals
from apps.billing.fake.listing import page
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State


def retrieve(state: State, form: Form, id: str) -> Object:
    if (found := state.document["events"].get(id)) is None:
        raise refusals.missing("event", id)
    event: Object = msgspec.json.decode(found["body"])
    return event


def listed(state: State, form: Form) -> Object:
    wanted = form.value("types") or [form.text("type") or "*"]
    found: list[Object] = [
        {"id": id, "created": event["created"]}
        for id, event in state.document["events"].items()
        if not event["type"].startswith("v1.") and any(fnmatchcase(event["type"], each) for each in wanted)
    ]
    answer = page(form, "/v1/events", found)
    answer["data"] = [retrieve(state, form, event["id"]) for event in answer["data"]]
    return answer


ROUTES: Routes = {
    "get /v1/events": (listed, EventListParams),
    "get /v1/events/*": (retrieve, EventRetrieveParams),
}
