"""Which models are asked in which order: pure decisions."""

import math
from collections import Counter

import msgspec
import pytest

from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.routing.format import Hedge, parse
from antiphon.providers.routing.health import Vital
from antiphon.providers.routing.policy import choose, draw, facts_of, hedge_after_ms
from antiphon.providers.routing.statistics import Speed

UNKNOWN = Vital()


def vital(p90=None, breaker="closed", rate=None, p50=None, p95=None):
    return Vital(breaker, Speed(p50_ms=p50, p90_ms=p90, p95_ms=p95, tokens_per_second=rate))


def chosen(definition, vitals=None, costs=None, facts=None, drawn=0.0, before=None, deadline_ms=None):
    router = parse(msgspec.json.encode({"kind": "language", **definition}))
    return choose(
        router,
        facts or {},
        drawn=drawn,
        before=before,
        deadline_ms=deadline_ms,
        vital_of=lambda name: (vitals or {}).get(name, UNKNOWN),
        cost_of=(costs or {}).get,
    )


def models(choice):
    return [candidate.model for candidate in choice.candidates]


def whys(choice):
    return [candidate.why for candidate in choice.candidates]


def default(*names, select="order", **settings):
    return {"default": {"select": select, "variants": [{"models": names}]}, **settings}


def test_it_works():
    choice = chosen(default("m/a", "m/b", fallbacks=["m/c", "m/a"]))
    assert models(choice) == ["m/a", "m/b", "m/c"]
    assert whys(choice) == ["number 1 in order", "number 2 in order", "fallback"]
    assert (choice.route, choice.variant, choice.slower) == ("default", "1", None)


def test_the_first_route_whose_condition_holds_is_taken():
    when = {"field": "metadata.plan", "op": "eq", "value": "gold"}
    routes = [
        {"name": "gold", "when": when, "variants": [{"models": ["m/gold"]}]},
        {"name": "known", "when": {"field": "user", "op": "exists"}, "variants": [{"models": ["m/known"]}]},
    ]
    definition = default("m/a", routes=routes)
    assert models(chosen(definition, facts={"metadata.plan": "gold", "user": "u"})) == ["m/gold"]
    assert chosen(definition, facts={"user": "u"}).route == "known"
    assert chosen(definition).route == "default"


def test_fields_are_what_the_request_tells():
    request = LlmRequest(
        "",
        [],
        language="de",
        user="u1",
        modality="text",
        metadata={"topic": "bills"},
        session_metadata={"plan": "gold"},
    )
    assert facts_of(request) == {
        "language": "de",
        "user": "u1",
        "modality": "text",
        "response.metadata.topic": "bills",
        "metadata.plan": "gold",
    }
    assert facts_of(LlmRequest("", [])) == {"modality": "audio"}


VARIANTS = {
    "default": {
        "variants": [
            {"name": "old", "weight": 80, "models": ["m/a"]},
            {"name": "new", "weight": 20, "models": ["m/b"]},
        ]
    }
}


@pytest.mark.parametrize(("drawn", "name"), [(0.0, "old"), (0.79, "old"), (0.8, "new"), (1.0, "new")])
def test_weights_are_shares_of_what_is_drawn(drawn, name):
    assert chosen(VARIANTS, drawn=drawn).variant == name


def test_a_user_gets_the_same_variant_each_time_and_users_are_shared_out_by_weight():
    drawn = {user: draw("router/main", f"user {user}") for user in range(2_000)}
    assert drawn == {user: draw("router/main", f"user {user}") for user in range(2_000)}
    shares = Counter(chosen(VARIANTS, drawn=one).variant for one in drawn.values())
    assert 340 < shares["new"] < 460
    assert draw("router/main", "u") != draw("router/other", "u")


def test_the_cheapest_goes_first_and_one_without_a_price_last():
    choice = chosen(default("m/a", "m/b", "m/c", select="cost"), costs={"m/b": 120.0, "m/c": 80.4})
    assert models(choice) == ["m/c", "m/b", "m/a"]
    assert whys(choice) == ["costs 80 micro-dollars", "costs 120 micro-dollars", "has no price"]


def test_the_fastest_goes_first_after_those_that_are_yet_unknown():
    vitals = {"m/a": vital(900), "m/b": vital(300), "m/d": vital(math.inf)}
    choice = chosen(default("m/a", "m/b", "m/c", "m/d", select="latency"), vitals)
    assert models(choice) == ["m/c", "m/b", "m/a", "m/d"]
    assert whys(choice) == [
        "speed not known yet",
        "90 % in 300 ms",
        "90 % in 900 ms",
        "overtaken too often",
    ]


def test_the_best_goes_first():
    choice = chosen(default("m/a", "m/b", select="quality", quality={"m/a": 0.5, "m/b": 0.75}))
    assert models(choice) == ["m/b", "m/a"]
    assert whys(choice)[0] == "quality 0.75"


def test_a_session_stays_with_its_model():
    definition = default("m/a", "m/b", fallbacks=["m/c"])
    choice = chosen(definition, before="m/b")
    assert models(choice) == ["m/b", "m/a", "m/c"]
    assert whys(choice)[0] == "asked in this session before"
    assert models(chosen(definition, before="m/c"))[0] == "m/c"
    assert models(chosen(definition, before="m/gone")) == ["m/a", "m/b", "m/c"]


def test_a_session_leaves_its_model_when_the_breaker_opens():
    choice = chosen(default("m/a", "m/b"), {"m/b": vital(breaker="open")}, before="m/b")
    assert models(choice) == ["m/a", "m/b"]
    assert whys(choice)[1] == "its breaker is open"


def test_a_session_leaves_its_model_when_it_would_miss_the_deadline():
    vitals = {"m/a": vital(300), "m/b": vital(900)}
    choice = chosen(default("m/a", "m/b"), vitals, before="m/b", deadline_ms=600)
    assert models(choice) == ["m/a", "m/b"]
    assert choice.slower == "m/b"


def test_a_breaker_that_is_half_open_lets_its_model_be_tried():
    choice = chosen(default("m/a", "m/b"), {"m/a": vital(breaker="half_open")})
    assert models(choice) == ["m/a", "m/b"]


def test_models_with_open_breakers_are_the_last_resort():
    everything = dict.fromkeys(["m/a", "m/b"], vital(breaker="open"))
    assert models(chosen(default("m/a", "m/b"), everything, deadline_ms=100)) == ["m/a", "m/b"]


@pytest.mark.parametrize(
    ("vitals", "order"),
    [
        ({"m/a": vital(500)}, "abc"),  # in time
        ({"m/b": vital(100)}, "abc"),  # not known
        ({"m/a": vital(900), "m/b": vital(700), "m/c": vital(400)}, "cab"),  # the first that is in time
        ({"m/a": vital(900), "m/b": vital(700)}, "bac"),  # none is: the fastest
        ({"m/a": vital(900), "m/b": vital(1000)}, "abc"),  # it is the fastest itself
        ({"m/a": vital(500, rate=40), "m/b": vital(500, rate=100)}, "bac"),  # 8 tokens: 700 ms, 580 ms
        ({"m/a": vital(900), "m/b": vital(100, breaker="open"), "m/c": vital(500)}, "cab"),
    ],
)
def test_a_model_that_would_miss_the_deadline_steps_back(vitals, order):
    choice = chosen(default("m/a", "m/b", "m/c"), vitals, deadline_ms=600)
    assert models(choice) == [f"m/{letter}" for letter in order]
    assert choice.slower == (None if order == "abc" else "m/a")


@pytest.mark.parametrize(
    ("first", "second", "deadline_ms", "after_ms"),
    [
        (UNKNOWN, UNKNOWN, None, 700),
        (vital(p95=520), UNKNOWN, None, 520),
        (vital(p95=90), UNKNOWN, None, 250),  # the floor
        (vital(p95=520), vital(p50=200), 600, 400),  # so that the second is in time
        (vital(p95=520), vital(p50=200, rate=80), 600, 300),
        (vital(p95=520), vital(p50=200), 300, 250),
        (vital(p95=520), vital(p50=math.inf), 600, 520),
        (vital(p95=520), UNKNOWN, 600, 520),
    ],
)
def test_an_automatic_hedge(first, second, deadline_ms, after_ms):
    assert hedge_after_ms(Hedge(), first, second, deadline_ms) == after_ms


def test_a_hedge_with_a_time_of_its_own_keeps_it():
    assert hedge_after_ms(Hedge(after_ms=100), vital(p95=520), vital(p50=10), 50) == 100
