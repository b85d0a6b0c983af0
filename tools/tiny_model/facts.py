"""Small facts, each with the ways in which it is stated, asked and answered."""

from dataclasses import dataclass

from . import words


@dataclass(frozen=True)
class Fact:
    """One thing that is so: how to say it, how to ask it, and the answer in one word or two."""

    statements: tuple[str, ...]
    questions: tuple[str, ...]
    short: str


def _fact(statements: str, questions: str, short: str, **slots: str) -> Fact:
    """A fact from templates parted by '|'; slots and {short} are filled in."""

    def fill(text: str) -> tuple[str, ...]:
        filled = (part.strip().format(short=short, **slots) for part in text.split("|"))
        return tuple(part[0].upper() + part[1:] for part in filled)

    return Fact(fill(statements), fill(questions), short[0].upper() + short[1:])


def _about_animals() -> list[Fact]:
    """What animals say, what their young are called, where they live, how many legs they have."""
    facts = [
        _fact(
            "a {x} says {short}. | the {x} says {short}. | {short}, says the {x}. | "
            "the sound of a {x} is {short}.",
            "what does a {x} say? | what sound does a {x} make? | what does the {x} say?",
            sound,
            x=animal,
        )
        for animal, sound in words.SOUNDS.items()
    ]
    facts += [
        _fact(
            "a young {x} is called a {short}. | a {short} is a young {x}. | "
            "the baby of a {x} is a {short}. | we call a baby {x} a {short}.",
            "what is a young {x} called? | what is the baby of a {x}? | "
            "what do we call a baby {x}?",
            young,
            x=animal,
        )
        for animal, young in words.YOUNG.items()
    ]
    facts += [
        _fact(
            "a {x} lives in a {short}. | the home of a {x} is a {short}. | "
            "you can find a {x} in a {short}. | the {x} lives in a {short}.",
            "where does a {x} live? | what is the home of a {x}? | where can you find a {x}?",
            home,
            x=animal,
        )
        for animal, home in words.HOMES.items()
    ]
    facts += [
        _fact(
            "a {x} has {short} legs. | the {x} has {short} legs. | every {x} has {short} legs.",
            "how many legs does a {x} have? | how many legs does the {x} have? | "
            "how many legs has a {x}?",
            legs,
            x=animal,
        )
        for animal, legs in words.LEGS.items()
    ]
    return facts


def _about_the_world() -> list[Fact]:
    """Capitals, colours, what things are made of, and what people do at work."""
    facts = [
        _fact(
            "the capital of {x} is {short}. | {short} is the capital of {x}. | "
            "the capital city of {x} is {short}. | {x} has a capital called {short}.",
            "what is the capital of {x}? | which city is the capital of {x}? | "
            "what is the capital city of {x}? | do you know the capital of {x}?",
            city,
            x=country,
        )
        for country, city in words.CAPITALS.items()
    ]
    facts += [
        _fact(
            "{x} is {short}. | the colour of {x} is {short}. | we know that {x} is {short}.",
            "what colour is {x}? | what is the colour of {x}? | which colour is {x}?",
            hue,
            x=thing,
        )
        for thing, hue in words.HUES.items()
    ]
    facts += [
        _fact(
            "{x} is made from {short}. | we make {x} from {short}. | you need {short} to make {x}.",
            "what is {x} made from? | what do we make {x} from? | what do you need to make {x}?",
            source,
            x=thing,
        )
        for thing, source in words.SOURCES.items()
    ]
    facts += [
        _fact(
            "a {x} {short}. | the {x} {short}. | every day the {x} {short}. | a good {x} {short}.",
            "what does a {x} do? | what does the {x} do? | what is the work of a {x}?",
            work,
            x=job,
        )
        for job, work in words.JOBS.items()
    ]
    return facts


def _about_words() -> list[Fact]:
    """Opposites, plurals, and the order of the days and the months."""
    facts = []
    for one, other in words.OPPOSITES.items():
        for x, y in ((one, other), (other, one)):
            facts.append(
                _fact(
                    "the opposite of {x} is {short}. | {x} is the opposite of {short}. | "
                    "not {x} but {short}. | {x} and {short} are opposites.",
                    "what is the opposite of {x}? | which word is the opposite of {x}? | "
                    "what is the opposite of the word {x}?",
                    y,
                    x=x,
                )
            )
    for one, many in words.PLURALS.items():
        facts.append(
            _fact(
                "one {x}, two {short}. | the plural of {x} is {short}. | "
                "we say one {x} but many {short}.",
                "what is the plural of {x}? | how do we say more than one {x}? | "
                "one {x}, two what?",
                many,
                x=one,
            )
        )
    for names, unit in ((words.DAYS, "day"), (words.MONTHS, "month")):
        for i, name in enumerate(names):
            after = names[(i + 1) % len(names)]
            facts.append(
                _fact(
                    "after {x} comes {short}. | the {u} after {x} is {short}. | "
                    "{short} follows {x}.",
                    "what {u} comes after {x}? | which {u} follows {x}? | "
                    "what is the {u} after {x}?",
                    after,
                    x=name,
                    u=unit,
                )
            )
            facts.append(
                _fact(
                    "before {y} comes {short}. | the {u} before {y} is {short}.",
                    "what {u} comes before {y}? | which {u} is before {y}? | "
                    "what is the {u} before {y}?",
                    name,
                    y=after,
                    u=unit,
                )
            )
    return facts


FACTS: tuple[Fact, ...] = (*_about_animals(), *_about_the_world(), *_about_words())
