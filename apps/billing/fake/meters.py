"""Meters, their events by each of the three ways in, and the sums."""

import hashlib
from datetime import datetime
from decimal import Decimal, InvalidOperation

from stripe.params.billing import (
    MeterCreateParams,
    MeterDeactivateParams,
    MeterEventCreateParams,
    MeterListEventSummariesParams,
    MeterListParams,
    MeterReactivateParams,
    MeterRetrieveParams,
    MeterUpdateParams,
)
from stripe.params.v2.billing import MeterEventCreateParams as MeterEventCreateParamsV2
from stripe.params.v2.billing import MeterEventSessionCreateParams, MeterEventStreamCreateParams

from apps.billing.fake import refusals
from apps.billing.fake.listing import page, where
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, Routes, State, rfc3339

DAY = 86_400
OLDEST, NEWEST, UNIQUE_FOR = 35 * DAY, 300, DAY
SESSION_SECONDS = 15 * 60


def create_meter(state: State, form: Form) -> Object:
    if any(
        m["event_name"] == form.text("event_name") and m["status"] == "active"
        for m in state.all("billing.meter")
    ):
        raise refusals.Refusal(
            f"There is already an active meter with event name {form.text('event_name')}.", param="event_name"
        )
    mapping, values, total = (
        form.group("customer_mapping"),
        form.group("value_settings"),
        form.group("default_aggregation"),
    )
    assert total is not None  # required
    made = state.add(
        "billing.meter",
        "mtr",
        customer_mapping={
            "event_payload_key": mapping.need("event_payload_key") if mapping else "stripe_customer_id",
            "type": (mapping and mapping.text("type")) or "by_id",
        },
        default_aggregation={"formula": total.need("formula")},
        display_name=form.need("display_name"),
        event_name=form.need("event_name"),
        event_time_window=form.text("event_time_window"),
        status="active",
        status_transitions={"deactivated_at": None},
        updated=state.now,
        value_settings={"event_payload_key": values.need("event_payload_key") if values else "value"},
    )
    state.emit("billing.meter.created", made)
    return made


def retrieve_meter(state: State, form: Form, id: str) -> Object:
    return state.get("billing.meter", id)


def update_meter(state: State, form: Form, id: str) -> Object:
    meter = state.get("billing.meter", id)
    with state.changing(meter):
        meter["display_name"] = form.text("display_name") or meter["display_name"]
    return meter


def deactivate_meter(state: State, form: Form, id: str) -> Object:
    meter = state.get("billing.meter", id)
    with state.changing(meter, "billing.meter.deactivated"):
        meter.update(status="inactive", status_transitions={"deactivated_at": state.now})
    return meter


def reactivate_meter(state: State, form: Form, id: str) -> Object:
    meter = state.get("billing.meter", id)
    with state.changing(meter, "billing.meter.reactivated"):
        meter.update(status="active", status_transitions={"deactivated_at": None})
    return meter


def list_meters(state: State, form: Form) -> Object:
    return page(form, "/v1/billing/meters", where(state.all("billing.meter"), form, "status"))


def _record(state: State, form: Form, at: int) -> Object:
    """One event, checked. Raises Refusal in the words of the codes that Stripe has for it."""
    name, payload = form.need("event_name"), form.mapping("payload")
    identifier = form.text("identifier") or state.new_id("meter_event")
    if not state.now - OLDEST <= at <= state.now + NEWEST:
        code = "timestamp_too_far_in_past" if at < state.now else "timestamp_in_future"
        raise refusals.Refusal(
            "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.",
            code=code,
        )
    meters = [meter for meter in state.all("billing.meter") if meter["event_name"] == name]
    if not meters:
        raise refusals.Refusal(f"No active meter found with event name {name}.", code="no_meter")
    meter = next((meter for meter in meters if meter["status"] == "active"), None)
    if meter is None:
        raise refusals.Refusal(f"The meter of event name {name} is deactivated.", code="archived_meter")
    customer = payload.get(meter["customer_mapping"]["event_payload_key"])
    if not customer:
        raise refusals.Refusal("The payload names no customer.", code="meter_event_no_customer_defined")
    if customer not in state.kind("customer"):
        raise refusals.Refusal(f"No such customer: '{customer}'", code="meter_event_customer_not_found")
    value = _value(meter, payload)
    held: dict[str, Object] = state.document["meter_events"]
    if (known := held.get(identifier)) and state.now - known["created"] < UNIQUE_FOR:
        raise refusals.Refusal(
            f"An event already exists with identifier {identifier}.", code="duplicate_meter_event"
        )
    if known:  # Stripe counts it again after a day: the key of the first one makes room
        held[f"{identifier} {known['created']}"] = known
    held[identifier] = {
        "meter": meter["id"],
        "customer": customer,
        "value": str(value),
        "at": at,
        "created": state.now,
    }
    return {"event_name": name, "identifier": identifier, "payload": payload, "livemode": False}


def _value(meter: Object, payload: dict[str, str]) -> Decimal:
    if meter["default_aggregation"]["formula"] == "count":
        return Decimal(1)
    key = meter["value_settings"]["event_payload_key"]
    if key not in payload:
        raise refusals.Refusal(f"The payload has no {key}.", code="meter_event_value_not_found")
    try:
        value = Decimal(payload[key])
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise refusals.Refusal(f"{key} must be numeric.", code="meter_event_invalid_value")
    return value


def create_event(state: State, form: Form) -> Object:
    at = form.integer("timestamp") or state.now
    made = _record(state, form, at)
    return {"object": "billing.meter_event", "created": state.now, "timestamp": at, **made}


def _time(form: Form, state: State) -> int:
    given = form.text("timestamp")
    try:
        return int(datetime.fromisoformat(given).timestamp()) if given else state.now
    except ValueError:
        raise refusals.parameter_invalid("timestamp", "must be a date-time as of RFC 3339") from None


def create_event_v2(state: State, form: Form) -> Object:
    at = _time(form, state)
    made = _record(state, form, at)
    times = {"created": rfc3339(state.now), "timestamp": rfc3339(at)}
    return {"object": "v2.billing.meter_event", **made, **times}


def create_session(state: State, form: Form) -> Object:
    token = state.new_id("token", 40)
    state.document["meter_sessions"][hashlib.sha256(token.encode()).hexdigest()] = state.now + SESSION_SECONDS
    return {
        "id": state.new_id("mes_test"),
        "object": "v2.billing.meter_event_session",
        "authentication_token": token,
        "created": rfc3339(state.now),
        "expires_at": rfc3339(state.now + SESSION_SECONDS),
        "livemode": False,
    }


def session_is_open(state: State, token: str) -> bool:
    expires: int = state.document["meter_sessions"].get(hashlib.sha256(token.encode()).hexdigest(), 0)
    return state.now < expires


def stream_events(state: State, form: Form) -> Object:
    """Up to 100 events, validated later: what is wrong with one is told by an event, not by this answer."""
    events = form.groups("events")
    if not 1 <= len(events) <= 100:
        raise refusals.parameter_invalid("events", "1 to 100 events in a request")
    for each in events:
        meter = next(
            (m for m in state.all("billing.meter") if m["event_name"] == each.text("event_name")), None
        )
        try:
            _record(state, each, _time(each, state))
        except refusals.Refusal as refusal:
            _report(state, meter, refusal, each)
    return {}


def _report(state: State, meter: Object | None, refusal: refusals.Refusal, event: Form) -> None:
    code, message = refusal.body["error"]["code"], refusal.body["error"]["message"]
    sample = {"error_message": message, "request": {"identifier": event.text("identifier") or ""}}
    data = {
        "developer_message_summary": "There is 1 invalid event",
        "reason": {
            "error_count": 1,
            "error_types": [{"code": code, "error_count": 1, "sample_errors": [sample]}],
        },
        "validation_start": rfc3339(state.now),
        "validation_end": rfc3339(state.now),
    }
    nothing: Object = {"id": "", "object": "billing.meter"}
    type = "v1.billing.meter.error_report_triggered" if meter else "v1.billing.meter.no_meter_found"
    state.emit_thin(type, meter or nothing, data)


def usage(state: State, meter_id: str, customer: str, start: int, end: int) -> Decimal:
    """The meter's sum, count or last value over `start <= at < end`."""
    formula = state.get("billing.meter", meter_id)["default_aggregation"]["formula"]
    found = [
        event
        for event in state.document["meter_events"].values()
        if event["meter"] == meter_id and event["customer"] == customer and start <= event["at"] < end
    ]
    if formula == "last":
        return Decimal(max(found, key=lambda event: int(event["at"]))["value"]) if found else Decimal(0)
    return sum((Decimal(event["value"]) for event in found), Decimal(0))


def list_summaries(state: State, form: Form, id: str) -> Object:
    state.get("billing.meter", id)
    customer, start, end = form.need("customer"), form.need("start_time"), form.need("end_time")
    window = {"hour": 3600, "day": DAY}.get(form.text("value_grouping_window") or "")
    step = window or 60
    if start % step or end % step:
        raise refusals.Refusal(f"start_time and end_time must align with boundaries of {step} seconds.")
    spans = [(at, at + window) for at in range(start, end, window)] if window else [(start, end)]
    data = []
    for since, until in spans:
        value = usage(state, id, customer, since, until)
        if value or not window:
            data.append(
                {
                    "id": f"mtrusg_{id[4:]}{since}",
                    "object": "billing.meter_event_summary",
                    "aggregated_value": float(value),
                    "start_time": since,
                    "end_time": until,
                    "livemode": False,
                    "meter": id,
                }
            )
    return page(form, f"/v1/billing/meters/{id}/event_summaries", data)


ROUTES: Routes = {
    "post /v1/billing/meters": (create_meter, MeterCreateParams),
    "get /v1/billing/meters": (list_meters, MeterListParams),
    "get /v1/billing/meters/*": (retrieve_meter, MeterRetrieveParams),
    "post /v1/billing/meters/*": (update_meter, MeterUpdateParams),
    "post /v1/billing/meters/*/deactivate": (deactivate_meter, MeterDeactivateParams),
    "post /v1/billing/meters/*/reactivate": (reactivate_meter, MeterReactivateParams),
    "get /v1/billing/meters/*/event_summaries": (list_summaries, MeterListEventSummariesParams),
    "post /v1/billing/meter_events": (create_event, MeterEventCreateParams),
    "post /v2/billing/meter_events": (create_event_v2, MeterEventCreateParamsV2),
    "post /v2/billing/meter_event_session": (create_session, MeterEventSessionCreateParams),
    "post /v2/billing/meter_event_stream": (stream_events, MeterEventStreamCreateParams),
}
