"""What upstream says now beside what is kept. What was once charged stays known: a price that changed without a
date of its own ends today, and the new one begins."""

import dataclasses
from collections.abc import Iterator
from datetime import date

from msgspec.structs import replace

from antiphon.metering.price_files import ListedPrice, PriceFile, PriceList
from antiphon.providers.base.usage import Unit
from antiphon.providers.catalogue.entries import Entry, LanguageEntry
from apps.usage.upstream import Upstream


def merged(before: PriceFile, upstream: PriceFile, today: date) -> PriceFile:
    """The file to keep: upstream's prices from today on, and before that what was kept."""
    old = {listed.models[0]: listed for listed in before.lists}
    new = {listed.models[0]: listed for listed in upstream.lists}
    lists = [_merged(old[name], new.get(name), today) if name in old else new[name] for name in old | new]
    if lists == list(before.lists):
        return before  # nothing to say, not even that it was looked at
    return replace(upstream, lists=tuple(lists))


def changes(before: PriceFile | None, after: PriceFile) -> Iterator[str]:
    """Sentences for people, of each price that was added, removed or changed."""
    old = _by_unit(before) if before else {}
    new = _by_unit(after)
    for key in old | new:
        model, unit = key
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        elif was is None:
            yield f"added {model} {unit}: {_text(now)}"
        elif now is None:
            yield f"removed {model} {unit}: {_text(was)}"
        else:
            yield f"changed {model} {unit}: {_text(was)} -> {_text(now)}"
    named = {listed.models[0]: listed for listed in before.lists} if before else {}
    for listed in after.lists:
        known = named.get(listed.models[0])
        if known and (known.models, known.note) != (listed.models, listed.note):
            yield f"changed the names or the note of {listed.models[0]}"


def _merged(old: PriceList, new: PriceList | None, today: date) -> PriceList:
    listed, prices = (old, ()) if new is None else (new, new.prices)
    units = dict.fromkeys(price.unit for price in (*old.prices, *prices))
    return replace(
        listed,
        prices=tuple(
            price
            for unit in units
            for price in _timeline(
                [price for price in old.prices if price.unit == unit],
                [price for price in prices if price.unit == unit],
                today,
            )
        ),
    )


def _timeline(old: list[ListedPrice], new: list[ListedPrice], today: date) -> list[ListedPrice]:
    """The old prices of a unit until today, and then the new ones."""
    if not old:
        return new
    past = [
        replace(price, valid_to=min(price.valid_to or today, today))
        for price in old
        if price.valid_from is None or price.valid_from < today
    ]
    future = [
        replace(price, valid_from=max(price.valid_from or today, today))
        for price in new
        if price.valid_to is None or price.valid_to > today
    ]
    joined: list[ListedPrice] = []
    for price in (*past, *future):
        before = joined[-1] if joined else None
        if before and replace(before, valid_to=price.valid_to) == replace(
            price, valid_from=before.valid_from
        ):
            joined[-1] = replace(before, valid_to=price.valid_to)
        else:
            joined.append(price)
    return joined


def _by_unit(file: PriceFile) -> dict[tuple[str, Unit], tuple[ListedPrice, ...]]:
    prices: dict[tuple[str, Unit], tuple[ListedPrice, ...]] = {}
    for listed in file.lists:
        for price in listed.prices:
            key = listed.models[0], price.unit
            prices[key] = (*prices.get(key, ()), price)
    return prices


def _text(prices: tuple[ListedPrice, ...] | None) -> str:
    return ", then ".join(
        f"${price.price} for {price.per:,}"
        + (f" from {price.valid_from}" if price.valid_from else "")
        + (f" until {price.valid_to}" if price.valid_to else "")
        for price in prices or ()
    )


def refreshed(entry: Entry, upstream: Upstream) -> Entry:
    """The entry with what upstream knows better: the size of the context, and that the model will be gone."""
    model = upstream.model(entry.name)
    if model is None or not isinstance(entry, LanguageEntry):
        return entry
    if model.context_window:
        capabilities = dataclasses.replace(entry.capabilities, context_tokens=model.context_window)
        entry = replace(entry, capabilities=capabilities)
    if model.deprecated and entry.lifecycle == "active":
        entry = replace(entry, lifecycle="deprecated")
    return entry
