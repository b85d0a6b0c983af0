"""Little stories: who, where and what are drawn once, then told sentence by sentence."""

import random

from . import words

Slots = dict[str, str]
Stages = tuple[tuple[str, ...], ...]

OPENINGS = (
    "Once upon a time there was a {trait} {kind} named {name}.",
    "There once was a {kind} called {name}. {He} was very {trait}.",
    "{name} was a {trait} {kind}. {He} lived {place}.",
    "{when}, a {trait} {kind} named {name} went out.",
    "In a {size} house lived a {kind} named {name}.",
    "This is the story of {name}, a {trait} {kind}.",
)
SETTINGS = (
    "{weather} {name} was {place}.",
    "{when}, {name} walked alone {place}.",
    "{weather} {name} wanted to go out and play.",
    "{name} liked to sit {place} and think.",
    "Every day {name} went for a walk {place}.",
)
LOST: Stages = (
    (
        "{name} had a {size} {colour} {thing}.",
        "{name} loved {his} {colour} {thing}.",
        "{His} friend {friend} had given {him} a {colour} {thing}.",
    ),
    (
        "But one day the {thing} was gone.",
        "But {name} could not find the {thing}.",
        "Then {he} lost the {thing} and was sad.",
    ),
    (
        "{name} looked {spot}, but the {thing} was not there.",
        '"Where is my {thing}?" asked {name}.',
        "{He} asked {friend} for help. They looked everywhere.",
        '"I will help you," said {friend}. They looked {spot}.',
    ),
    (
        "At last they found the {thing} {spot}.",
        "In the end {friend} found the {colour} {thing} {spot}.",
        "Then {name} saw something {colour} {spot}. It was the {thing}!",
    ),
)
GIFT: Stages = (
    (
        "It was the birthday of {friend}, the {other}.",
        "{name} had a good friend, a {other} called {friend}.",
        "{friend} the {other} was ill and had to stay in bed.",
    ),
    (
        "{name} wanted to give {friend} a {thing}.",
        "{name} made a {size} {colour} {thing} for {friend}.",
        "So {name} bought some {food} and a {colour} {thing}.",
    ),
    (
        '"This is for you," said {name}.',
        "{He} carried the gift all the way to the house of {friend}.",
        '"What is it?" asked {friend}. "It is a {thing}," said {name}.',
    ),
    (
        '"Thank you, {name}!" said {friend}.',
        "{friend} smiled and said thank you.",
        "They ate {food} together and laughed.",
    ),
)
TRIP: Stages = (
    (
        "{name} wanted to see the {goal}.",
        '"I want to go to the {goal}," said {name}.',
        "{name} had never been to the {goal}.",
    ),
    (
        "{He} packed some {food} and a {thing} and left {adverb}.",
        "On the way {he} met a {trait2} {other} called {friend}.",
        "{He} walked {adverb} for a long time.",
    ),
    (
        '"Where are you going?" asked {friend}. "To the {goal}," said {name}.',
        '"May I come with you?" asked {friend}. "Yes," said {name}.',
        "The way was long, and {name} was soon {feeling}.",
    ),
    (
        "At last {name} saw the {goal}. It was beautiful.",
        "In the evening they came to the {goal}.",
        "The {goal} was {size} and full of {colour} flowers.",
    ),
)
HELP: Stages = (
    (
        "{when}, {name} heard a voice {spot}.",
        "{name} saw a {other} {spot}. It was {friend}.",
        "A {trait2} {other} called {friend} lived near by.",
    ),
    (
        '"Please help me," said {friend}. "I am {feeling}."',
        "{friend} was {feeling} and had no {food}.",
        "{friend} could not carry the heavy {thing}.",
    ),
    (
        '"Do not be afraid," said {name}. "I will help you."',
        "{name} was {trait} and did not wait. {He} helped {adverb}.",
        "So {name} gave {friend} some {food} and a warm blanket.",
    ),
    (
        '"You are a good friend," said {friend}.',
        "{friend} was very glad and gave {name} a {colour} {thing}.",
        "Soon {friend} was well again.",
    ),
)
ENDINGS = (
    "{name} was very happy.",
    "Then {name} went home and slept well.",
    "From that day on {name} and {friend} were good friends.",
    "{name} and {friend} went home together.",
    "And {name} never forgot that day.",
    "They all ate {food} and were happy. The end.",
)
PLOTS: tuple[Stages, ...] = (LOST, GIFT, TRIP, HELP)
SCENES = (
    "The {size} {colour} {animal} {animal_does} {adverb} {spot}.",
    "A {trait} {person} {person_does} {place}.",
    "There is a {colour} {thing} {spot}.",
    "The {person} has a {size} {colour} {thing}.",
    "The {trait} {animal} and the {trait2} {animal2} {animal_do} {place}.",
    "The {person} gives the {animal} some {food}.",
    "Can you see the {colour} {thing} {spot}?",
    "The {animal} {animal_does} and the {animal2} {animal_does2}.",
    "{name} likes {food}, but {friend} likes {food2}.",
    "{name} and {friend} {person_do} {place}.",
    "{name} has a {size} {animal} and a {colour} {thing}.",
    "If it rains, {name} stays at home and {person_does}.",
    "The {thing} is {colour}, and the {thing2} is {colour2}.",
    "{when}, the {person} sold a {thing} to {name}.",
    "The {trait} {person} wants some {food} and some {food2}.",
)


def cast(rng: random.Random, name: str = "", kind: str = "") -> Slots:
    """Draw every slot of a story; a name and a kind may be given beforehand."""
    name = name or rng.choice(words.BOYS + words.GIRLS)
    male = name in words.BOYS
    friend = rng.choice([n for n in words.BOYS + words.GIRLS if n != name])
    kinds = (*words.CREATURES, "boy" if male else "girl")
    kind = kind or rng.choice(kinds)
    slots = {
        "name": name,
        "friend": friend,
        "kind": kind,
        "other": rng.choice([k for k in words.CREATURES if k != kind]),
        "he": "he" if male else "she",
        "him": "him" if male else "her",
        "his": "his" if male else "her",
        "goal": rng.choice(list(words.PLACES)),
        "size": rng.choice(words.SIZES),
        "feeling": rng.choice(("tired", "hungry", "cold", "afraid", "thirsty", "lost", "sad")),
        "person": rng.choice(words.PEOPLE),
    }
    place = rng.choice(list(words.PLACES))
    slots["place"] = f"{words.PLACES[place]} the {place}"
    slots["He"], slots["His"] = slots["he"].capitalize(), slots["his"].capitalize()
    pairs = {
        "trait": words.TRAITS,
        "colour": words.COLOURS,
        "thing": words.THINGS,
        "food": words.FOODS,
        "animal": words.CREATURES,
    }
    for key, choices in pairs.items():
        slots[key], slots[key + "2"] = rng.sample(choices, 2)
    for key, verbs in (("animal_do", words.ANIMAL_VERBS), ("person_do", words.PERSON_VERBS)):
        verb, verb2 = rng.sample(list(verbs), 2)
        slots |= {key: verb, key + "es": verbs[verb], key + "es2": verbs[verb2]}
    return slots


def vary(rng: random.Random, slots: Slots) -> Slots:
    """The same cast with the passing details of one sentence drawn anew."""
    return slots | {
        "spot": rng.choice(words.SPOTS),
        "weather": rng.choice(words.WEATHERS),
        "when": rng.choice(words.TIMES),
        "adverb": rng.choice(words.ADVERBS),
    }


def outline(rng: random.Random) -> Stages:
    """The stages of one story, each with its possible sentences."""
    return (OPENINGS, SETTINGS, *rng.choice(PLOTS), ENDINGS)
