"""Price lists as files: one JSON for each provider, read when one of its models is first priced."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fnmatch import translate
from functools import cache, lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct

from antiphon.metering.rates import Rate, RateCard
from antiphon.providers.base.usage import Unit

DATA = Path(__file__).parent / "data"
GENERATED, BY_HAND = DATA / "generated", DATA / "by_hand"

_WILDCARD = re.compile(r"\[[^]]*\]|[*?]")


class ListedPrice(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    unit: Unit
    price: Decimal
    per: int
    valid_from: date | None = None
    valid_to: date | None = None
    estimate: bool = False


class PriceList(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The prices of one model under all its names, of which any may be a pattern ("*", "?", "[0-9]")."""

    models: tuple[str, ...]
    prices: tuple[ListedPrice, ...]
    note: str = ""
    source: str = ""  # if it is another than the file's


class PriceFile(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    provider: str
    source: str
    checked: date
    lists: tuple[PriceList, ...]

    def rates(self, listed: PriceList) -> Iterator[Rate]:
        name = listed.models[0]
        for price in listed.prices:
            since = price.valid_from.isoformat() if price.valid_from else "always"
            yield Rate(
                id=f"{self.provider}/{name}:{price.unit}:{since}",
                provider=self.provider,
                model=name,
                unit=price.unit,
                price=price.price,
                per=price.per,
                valid_from=price.valid_from,
                valid_to=price.valid_to,
                source=listed.source or self.source,
                checked=self.checked,
                estimate=price.estimate,
                note=listed.note,
            )


class FileLayer:
    """The price files of a folder, as a `rates.Layer`."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in folder.glob("*.json")}
        self._books: dict[str, _Book] = {}
        self.rates_of = lru_cache(maxsize=1024)(self._rates_of)

    def _rates_of(self, provider: str, model: str) -> Sequence[Rate]:
        book = self._book(provider)
        listed = book.find(model) if book else None
        return tuple(book.file.rates(listed)) if book and listed else ()

    def _book(self, provider: str) -> "_Book | None":
        """A session may name anything as a provider: only those with a file are looked for and remembered."""
        if provider in self._paths and provider not in self._books:
            self._books[provider] = _Book(read(self._paths[provider]))
        return self._books.get(provider)


class _Book:
    """A file and how to find things in it: by the exact name, else by the pattern that says most of it."""

    def __init__(self, file: PriceFile) -> None:
        self.file = file
        self._exact: dict[str, PriceList] = {}
        patterns: list[tuple[int, re.Pattern[str], PriceList]] = []
        for listed in file.lists:
            for name in map(str.lower, listed.models):
                if _WILDCARD.search(name):
                    told = len(_WILDCARD.sub("", name))
                    patterns.append((told, re.compile(translate(name)), listed))
                else:
                    self._exact.setdefault(name, listed)
        self._patterns = sorted(patterns, key=lambda pattern: -pattern[0])

    def find(self, model: str) -> PriceList | None:
        name = model.lower()
        if name in self._exact:
            return self._exact[name]
        return next((listed for _, pattern, listed in self._patterns if pattern.match(name)), None)


def read(path: Path) -> PriceFile:
    """Raises msgspec.ValidationError for a file that is no price file."""
    return msgspec.json.decode(path.read_bytes(), type=PriceFile)


def text_of(file: PriceFile) -> str:
    """JSON with a line for each list, so that changes can be reviewed."""
    head: Mapping[str, str] = {"provider": file.provider, "source": file.source, "checked": str(file.checked)}
    lines = [f"{_json(name)}: {_json(value)}," for name, value in head.items()]
    lists = ",\n".join(_json(listed) for listed in file.lists)
    return "{\n" + "\n".join(lines) + '\n"lists": [\n' + lists + "\n]\n}\n"


@cache
def list_prices() -> RateCard:
    """What vendors list: first what was noted by hand, then what is generated."""
    return RateCard(FileLayer(BY_HAND), FileLayer(GENERATED))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
