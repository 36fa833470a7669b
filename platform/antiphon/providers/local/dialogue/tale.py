"""Composes a tale: somebody sets out for the lost ending of an old story, and all they meet will help."""

from collections.abc import Iterator
from random import Random

from antiphon.providers.local.dialogue import scenes
from antiphon.providers.local.dialogue.numbers import cardinal, ordinal


def compose(random: Random, *, stops: int, topic: str | None = None) -> Iterator[str]:
    """The tale, paragraph by paragraph, with `stops` scenes on the way (1 to `len(scenes.SCENES)`).

    `random` decides who, where and in which order. `topic` is what the old story in the tale is about.
    A stop takes some 50 seconds to say, the beginning and the end together two minutes.
    """
    hero = random.choice(scenes.HEROES)
    town, weather = random.choice(scenes.TOWNS)
    friend = random.choice(scenes.FRIENDS)
    order = random.sample(range(len(scenes.SCENES)), stops)
    words = {
        "hero": hero.name,
        "they": hero.they,
        "they_capital": hero.they.capitalize(),
        "them": hero.them,
        "their": hero.their,
        "town": town,
        "weather": weather,
        "friend": friend,
        "friend_name": friend.rpartition(" ")[2],
        "trade": random.choice(scenes.TRADES),
        "topic": topic or random.choice(scenes.TOPICS),
    }
    yield scenes.OPENING.format_map(words)
    day = 0
    for index in order:
        day += random.randint(1, 3)
        yield scenes.SCENES[index].text.format_map({**words, "day_capital": f"On the {ordinal(day)} day,"})
    yield scenes.ARRIVAL.format_map({**words, "day": ordinal(day + 1)})
    if stops > 1:
        *gifts, last = (scenes.SCENES[index].gift for index in order)
        yield f"{hero.name} carried {cardinal(stops)} things by now: {', '.join(gifts)}, and {last}."
    # The gifts are used in the order of the house (door, corridors, room, page), which is that of `SCENES`.
    for index in sorted(order):
        yield scenes.SCENES[index].use.format_map(words)
    yield random.choice(scenes.ENDINGS).format_map(words)
    yield scenes.CLOSING.format_map(words)
