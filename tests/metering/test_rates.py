"""What things cost, to the micro-dollar. The dates are fixed: prices that change later leave these as they are."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.metering.price_files import list_prices
from antiphon.metering.rates import Layer, Rate, RateCard, Unpriced, micro_dollars
from antiphon.providers.base.llm import LlmUsage
from antiphon.providers.base.stt import SttUsage
from antiphon.providers.base.tts import TtsUsage
from antiphon.providers.base.usage import Quantities, Unit, of_recognition, of_speech, of_tokens


def ms(day: str) -> float:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp() * 1000


def tokens(input: int, output: int, **more: int) -> Quantities:
    return {**of_tokens(LlmUsage(input, output, **more)), "request": 1}


def heard(audio_ms: int, **more: int) -> Quantities:
    return of_recognition(SttUsage(audio_ms, **more))


def spoken(characters: int, audio_ms: int) -> Quantities:
    return of_speech(TtsUsage(characters, audio_ms))


NOW = "2026-11-22"

# Dollars for a million are micro-dollars for one: 3000 tokens at $2 for a million are 6000 micro-dollars.
HAND_CALCULATED = [
    (
        "the worked example: 1200 in (1000 audio; 800 cached, 700 of them audio), 300 out (250 audio)",
        "openai/gpt-realtime-2",
        NOW,
        tokens(
            1200,
            300,
            cached_tokens=800,
            input_audio_tokens=1000,
            cached_audio_tokens=700,
            output_audio_tokens=250,
        ),
        # text: 200 of which 100 cached;    audio: 1000 of which 700 cached
        # 100 x 4   100 x 0.4   300 x 32   700 x 0.4   50 x 24   250 x 64
        [400, 40, 9600, 280, 1200, 16000],
        27_520,
    ),
    (
        "a cache that is read and written, and reasoning at the price of output",
        "openai/gpt-6-sol",
        NOW,
        tokens(12_000, 900, cached_tokens=8000, cache_write_tokens=1000, reasoning_tokens=400),
        # 3000 x 2   8000 x 0.2   1000 x 2.5   500 x 10   400 x 10
        [6000, 1600, 2500, 5000, 4000],
        19_100,
    ),
    (
        "the day before a price goes down",
        "openai/gpt-5.6-sol",
        "2026-08-20",
        tokens(1000, 100),
        [5000, 3000],  # 1000 x 5   100 x 30
        8000,
    ),
    (
        "the day from which it is lower",
        "openai/gpt-5.6-sol",
        "2026-08-21",
        tokens(1000, 100),
        [4000, 2000],  # 1000 x 4   100 x 20
        6000,
    ),
    (
        "a vendor whose cache costs to write",
        "anthropic/claude-sonnet-5-5",
        NOW,
        tokens(5003, 250, cached_tokens=3000, cache_write_tokens=2000),
        # 3 x 2   3000 x 0.1   2000 x 2.5   250 x 10
        [6, 300, 5000, 2500],
        7806,
    ),
    (
        "fractions of a micro-dollar, each line rounded once",
        "google/gemini-3.8-flash",
        "2026-12-31",
        tokens(2000, 301, cached_tokens=501, reasoning_tokens=101, input_audio_tokens=1000),
        # 499 x 0.75 = 374.25   501 x 0.075 = 37.575   200 x 3.75   101 x 3.75 = 378.75   1000 x 0.75
        [374, 38, 750, 379, 750],
        2291,
    ),
    (
        "the same at the prices of the new year; halves are rounded up",
        "google/gemini-3.8-flash",
        "2027-01-01",
        tokens(2000, 301, cached_tokens=501, reasoning_tokens=101, input_audio_tokens=1000),
        # 499 x 1.5 = 748.5   501 x 0.15 = 75.15   200 x 7.5   101 x 7.5 = 757.5   1000 x 1.5
        [749, 75, 1500, 758, 1500],
        4582,
    ),
    (
        "a picture among speech",
        "google/gemini-3.8-live",
        NOW,
        tokens(900, 430, input_audio_tokens=700, input_image_tokens=100, output_audio_tokens=400),
        # 100 x 0.75   30 x 4.5   700 x 3   400 x 12   100 x 1
        [75, 135, 2100, 4800, 100],
        7210,
    ),
    (
        "a model under the name without its maker",
        "groq/gpt-oss-120b",
        NOW,
        tokens(1001, 333, cached_tokens=501),
        # 500 x 0.15   501 x 0.075 = 37.575   333 x 0.6 = 199.8
        [75, 38, 200],
        313,
    ),
    (
        "a price that held for nine days",
        "mistral/mistral-large-4",
        "2026-10-25",
        tokens(1000, 100),
        [1360, 418],  # 1000 x 1.36   100 x 4.18
        1778,
    ),
    (
        "a price that depends on the hour, at the dearest",
        "deepseek/deepseek-v4-pro",
        NOW,
        tokens(1000, 100, cached_tokens=500),
        # 500 x 1.32   500 x 0.044   100 x 3.96
        [660, 22, 396],
        1078,
    ),
    (
        "a fee for each request besides the tokens",
        "perplexity/sonar-pro",
        NOW,
        tokens(1000, 200),
        # 1000 x 3   200 x 15   $14 for 1000 requests
        [3000, 3000, 14_000],
        20_000,
    ),
    (
        "reasoning with a price of its own",
        "perplexity/sonar-deep-research",
        NOW,
        tokens(1000, 1100, reasoning_tokens=1000),
        [2000, 800, 3000],  # 1000 x 2   100 x 8   1000 x 3
        5800,
    ),
    (
        "time on a connection, and messages",
        "xai/grok-voice-latest",
        "2026-08-04",
        {"session_ms": 90_000, "text_message": 3},
        # 0.025 h x $3 = $0.075   3 x $0.004 = $0.012
        [75_000, 12_000],
        87_000,
    ),
    (
        "the same at the next day's price",
        "xai/grok-voice-latest",
        "2026-08-05",
        {"session_ms": 90_000, "text_message": 3},
        # 0.025 h x $4.8 = $0.12
        [120_000, 12_000],
        132_000,
    ),
    (
        "a recording of 12.345 s at $0.36 an hour",
        "openai/whisper-1",
        NOW,
        heard(12_345),
        [1235],
        1235,
    ),  # 1234.5
    ("7 s at $0.04 an hour", "groq/whisper-large-v3-turbo", NOW, heard(7000), [78], 78),  # 77.78
    (
        "an open connection is billed, not the 4 s of speech in its 20 s, at $0.15 an hour",
        "assemblyai/universal-streaming-english",
        NOW,
        heard(4000, open_ms=20_000),
        [833],  # 833.33
        833,
    ),
    (
        "a transcription whose tokens were counted: its length is no second bill",
        "openai/gpt-4o-transcribe",
        NOW,
        heard(5000, input_audio_tokens=50, input_text_tokens=12, output_text_tokens=20),
        [300, 30, 200],  # 50 x 6   12 x 2.5   20 x 10
        530,
    ),
    (
        "and one whose length alone is known, at $0.006 a minute",
        "openai/gpt-4o-transcribe",
        NOW,
        heard(5001),
        [500],
        500,
    ),
    ("3.333 s at 3 credits of $0.00005 a second", "cartesia/ink-2", NOW, heard(3333), [500], 500),  # 499.95
    (
        "137 characters at $0.05 for 1000",
        "elevenlabs/eleven_flash_v2_5",
        NOW,
        spoken(137, 9000),
        [6850],
        6850,
    ),
    (
        "10.001 s of speech at $0.015 a minute",
        "openai/gpt-4o-mini-tts",
        NOW,
        spoken(120, 10_001),
        [2500],
        2500,
    ),
    ("an embedded voice", "local/piper-joe", NOW, spoken(137, 9000), [0, 0], 0),
]


@pytest.mark.parametrize(
    ("model", "day", "quantities", "lines", "total"),
    [row[1:] for row in HAND_CALCULATED],
    ids=[row[0] for row in HAND_CALCULATED],
)
def test_it_works_as_calculated_by_hand(
    model: str, day: str, quantities: Quantities, lines: list[int], total: int
) -> None:
    priced = list_prices().price(model, quantities, ms(day))
    assert sorted(line.price_micro for line in priced.lines) == sorted(lines)
    assert priced.price_micro == total
    assert not priced.unpriced


def test_a_line_keeps_the_rate_that_it_was_priced_with() -> None:
    (line,) = list_prices().price("openai/gpt-5.6-sol", {"reasoning_token": 10}, ms("2026-08-21")).lines
    assert (line.unit, line.quantity, line.price_micro) == ("reasoning_token", 10, 200)
    assert (line.unit_price, line.per) == (Decimal(20), 1_000_000)
    assert line.rate_id == "openai/gpt-5.6-sol:output_text_token:2026-08-21"


def test_only_an_estimate_is_called_one() -> None:
    def estimated(usage: Quantities) -> bool:
        return list_prices().price("openai/gpt-4o-transcribe", usage, ms(NOW)).estimated

    assert estimated(heard(5000))
    assert not estimated(heard(5000, input_audio_tokens=50, output_text_tokens=20))


def test_what_nobody_has_a_price_for_is_unpriced_and_not_free() -> None:
    priced = list_prices().price("nobody/nothing", tokens(100, 10), ms(NOW))
    assert priced.lines == ()
    assert priced.unpriced == (Unpriced("input_text_token", 100), Unpriced("output_text_token", 10))


def test_speech_is_never_billed_as_text() -> None:
    priced = list_prices().price("openai/gpt-6-sol", tokens(1000, 10, input_audio_tokens=400), ms(NOW))
    assert priced.unpriced == (Unpriced("input_audio_token", 400),)
    assert priced.price_micro == 1200 + 100  # 600 x 2   10 x 10


def test_a_voice_that_is_billed_by_characters_is_not_unpriced_for_its_seconds() -> None:
    priced = list_prices().price("openai/tts-1", spoken(100, 6000), ms(NOW))
    assert [line.unit for line in priced.lines] == ["character"]
    assert not priced.unpriced


def test_a_voice_that_is_billed_by_neither_is_unpriced_for_both() -> None:
    priced = list_prices().price("openai/gpt-6-sol", spoken(100, 6000), ms(NOW))
    assert [missing.unit for missing in priced.unpriced] == ["character", "output_audio_ms"]


def test_an_answer_that_used_nothing_is_no_alarm() -> None:
    priced = list_prices().price("openai/gpt-6-sol", tokens(0, 0), ms(NOW))
    assert (priced.lines, priced.unpriced) == ((), ())


def rate(unit: Unit, price: str, *, since: str | None = None, until: str | None = None, id: str = "") -> Rate:
    return Rate(
        id=id or f"{unit}:{price}",
        provider="acme",
        model="m",
        unit=unit,
        price=Decimal(price),
        per=1_000_000,
        valid_from=date.fromisoformat(since) if since else None,
        valid_to=date.fromisoformat(until) if until else None,
        source="a test",
        checked=date(2026, 1, 1),
    )


class Rates(Layer):
    def __init__(self, *rates: Rate) -> None:
        self.rates = rates

    def rates_of(self, provider: str, model: str) -> Sequence[Rate]:
        return self.rates if (provider, model) == ("acme", "m") else ()


@pytest.mark.parametrize(
    ("moment", "price"),
    [
        ("2025-12-31T23:59:59.999+00:00", None),
        ("2026-01-01T00:00:00+00:00", "1"),
        ("2026-06-30T23:59:59.999+00:00", "1"),
        ("2026-07-01T01:59:59+02:00", "1"),  # still June in UTC
        ("2026-07-01T00:00:00+00:00", "2"),
    ],
)
def test_a_rate_holds_from_its_first_day_to_the_day_before_its_last_in_utc(
    moment: str, price: str | None
) -> None:
    card = RateCard(
        Rates(
            rate("request", "1", since="2026-01-01", until="2026-07-01"),
            rate("request", "2", since="2026-07-01"),
        )
    )
    found = card.find("acme/m", "request", datetime.fromisoformat(moment).timestamp() * 1000)
    assert found == price or (found is not None and found.price == Decimal(price or 0))


def test_a_unit_between_two_periods_is_unpriced() -> None:
    card = RateCard(
        Rates(rate("character", "1", until="2026-01-01"), rate("character", "2", since="2026-02-01"))
    )
    assert card.price("acme/m", {"character": 5}, ms("2026-01-15")).unpriced == (Unpriced("character", 5),)


def test_the_first_layer_with_a_rate_decides_for_each_unit() -> None:
    agreed = Rates(rate("input_text_token", "1", since="2026-06-01"))
    listed = Rates(
        rate("input_text_token", "4"), rate("cached_text_token", "0.4"), rate("output_text_token", "9")
    )
    card = RateCard(agreed, listed)

    def prices(day: str) -> dict[str, Decimal]:
        return {unit: found.price for unit, found in card.rates_of("acme/m", ms(day)).items()}

    others = {"cached_text_token": Decimal("0.4"), "output_text_token": Decimal(9)}
    assert prices("2026-05-31") == {"input_text_token": Decimal(4)} | others
    assert prices("2026-06-01") == {"input_text_token": Decimal(1)} | others


def test_rates_to_come_are_shown_after_those_of_today() -> None:
    card = RateCard(
        Rates(
            rate("request", "3", since="2027-01-01"),
            rate("request", "1", until="2026-01-01"),
            rate("request", "2", since="2026-01-01", until="2027-01-01"),
        )
    )
    assert [found.price for found in card.rates_from("acme/m", ms(NOW))] == [2, 3]


@given(
    st.integers(0, 10**9),
    st.decimals(0, 10**4, places=9, allow_nan=False),
    st.sampled_from([1, 1000, 60_000, 3_600_000]),
)
def test_rounding_is_half_up_and_exact(quantity: int, price: Decimal, per: int) -> None:
    exact = Fraction(price) * quantity * 1_000_000 / per
    assert -Fraction(1, 2) < micro_dollars(quantity, price, per) - exact <= Fraction(1, 2)


def test_the_card_takes_the_day_in_utc_whatever_the_machine_says() -> None:
    new_year = datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000
    before = list_prices().find("google/gemini-3.8-flash", "input_text_token", new_year - 1)
    after = list_prices().find("google/gemini-3.8-flash", "input_text_token", new_year)
    assert before is not None
    assert after is not None
    assert (before.price, after.price) == (Decimal("0.75"), Decimal("1.5"))
