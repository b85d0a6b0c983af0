"""The corpus: documents of simple English, drawn by a seeded grammar and split by hash.

Every unit of text (a sentence, a sum, an exchange, a story) has a key. Units whose key hashes
into one bucket of ten belong to the held-out text, all others to the training text, so that no
unit of the one is ever seen in the other.
"""

import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from . import stories, words
from .facts import FACTS
from .template import Message, document, render

T = TypeVar("T")
BUCKETS = 10
SYSTEMS = {
    "": "full",
    "You are a helpful assistant.": "full",
    "Answer in a full sentence.": "full",
    "You are a friendly teacher.": "teacher",
    "Answer in one word.": "short",
    "Give short answers.": "short",
}
LEADS = (
    "",
    "",
    "Please tell me: ",
    "I have a question. ",
    "Can you help me? ",
    "Hello! ",
    "Do you know this? ",
    "Tell me: ",
)
THANKS = ("Thank you.", "Thanks!", "That is good.", "Thank you very much.", "Well done!")
WELCOMES = ("You are welcome!", "I am glad to help.", "You are welcome. Ask me again.")
GREETINGS = ("Hello!", "Hi!", "Good morning!", "Good evening!", "Hello there!", "Good day!")


@dataclass(frozen=True)
class Exchange:
    """A question with its answers, one per style."""

    question: str
    full: str
    short: str

    def turns(self, style: str) -> list[Message]:
        """The exchange as two messages."""
        answer = {"short": self.short, "teacher": f"Good question! {self.full}"}
        return [("user", self.question), ("assistant", answer.get(style, self.full))]


def tidy(text: str) -> str:
    """Put 'an' where 'a' stands before a vowel."""
    return re.sub(r"\b([Aa]) (?=[aeiou]|honest)", r"\1n ", text)


def calculation(rng: random.Random) -> tuple[str, str, int]:
    """A small sum: its key, the sum in words and signs, its result."""
    sign = rng.choice(("plus", "plus", "minus", "minus", "times"))
    if sign == "times":
        left, right = rng.randint(0, 10), rng.randint(0, 10)
        return f"{min(left, right)} x {max(left, right)}", f"{left} times {right}", left * right
    left, right = rng.randint(0, 20), rng.randint(0, 20)
    key = f"{min(left, right)} + {max(left, right)}"
    if sign == "plus":
        return key, f"{left} plus {right}", left + right
    return key, f"{left + right} minus {left}", right


def spelt(rng: random.Random, asked: str, result: int) -> str:
    """A sum put in figures, in words or as a tale of apples."""
    first, sign, second = asked.split()
    left, right = int(first), int(second)
    symbol = {"plus": "+", "minus": "-", "times": "x"}[sign]
    forms = [f"{asked} is {result}.", f"{left} {symbol} {right} = {result}."]
    if max(left, right, result) < len(words.NUMBERS):
        a, b, c = (words.NUMBERS[n] for n in (left, right, result))
        forms.append(f"{a.capitalize()} {sign} {b} is {c}.")
    if sign != "times":
        name = rng.choice(words.BOYS + words.GIRLS)
        one, many = rng.choice(list(words.COUNTED.items()))
        he = "he" if name in words.BOYS else "she"
        change = f"finds {right} more" if sign == "plus" else f"gives away {right}"
        had = f"{left} {one if left == 1 else many}"
        forms.append(f"{name} has {had}. {he.capitalize()} {change}. Now {he} has {result}.")
    return rng.choice(forms)


class Grammar:
    """Draws documents of one side of the split."""

    def __init__(self, seed: int, held_out: bool) -> None:
        self.rng = random.Random(f"tiny {seed} {held_out}")
        self.held_out = held_out

    def documents(self) -> Iterator[str]:
        """Documents without end, special tokens included."""
        kinds = ("story", "scene", "facts", "sums", "chat")
        while True:
            kind = self.rng.choices(kinds, weights=(20, 14, 18, 14, 34))[0]
            yield tidy(self.chat() if kind == "chat" else document(self.prose(kind)))

    def prose(self, kind: str) -> str:
        """The text of a document that is no chat."""
        if kind == "story":
            return self._ours(self._tale)
        if kind == "sums" and self.rng.random() < 0.2:
            return self._ours(self._counting)
        draw = {"scene": self._scene, "facts": self._statement, "sums": self._sum}[kind]
        return " ".join(self._ours(draw) for _ in range(self.rng.randint(2, 7)))

    def chat(self) -> str:
        """A dialogue of one to four exchanges."""
        system, style = self.rng.choice(list(SYSTEMS.items()))
        messages: list[Message] = [("system", system)] if system else []
        if self.rng.random() < 0.15:
            messages += self._greeting()
        if self.rng.random() < 0.12 and style != "short":
            messages += self._ours(self._tale_on_request)
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            messages += self.exchange(sums=self.rng.random() < 0.35).turns(style)
        if self.rng.random() < 0.15:
            messages += [("user", self.rng.choice(THANKS))]
            messages += [("assistant", self.rng.choice(WELCOMES))]
        return render(messages)

    def exchange(self, sums: bool) -> Exchange:
        """A question about a sum or a fact, with its answers."""
        return self._ours(self._asked_sum if sums else self._asked_fact)

    def _ours(self, draw: Callable[[], tuple[str, T]]) -> T:
        """Draw (key, unit) until the key is on our side of the split."""
        while True:
            key, unit = draw()
            if (zlib.crc32(key.encode()) % BUCKETS == 0) == self.held_out:
                return unit

    def _tale(self, name: str = "", kind: str = "") -> tuple[str, str]:
        """A story of seven sentences or so; its key is who plays in it."""
        slots = stories.cast(self.rng, name, kind)
        told = [self.rng.choice(stage) for stage in stories.outline(self.rng)]
        text = " ".join(part.format_map(stories.vary(self.rng, slots)) for part in told)
        return f"{slots['name']} {slots['kind']} {slots['friend']}", text

    def _tale_on_request(self) -> tuple[str, list[Message]]:
        """A request for a story about somebody, and the story."""
        kind, name = self.rng.choice(words.CREATURES), self.rng.choice(words.BOYS + words.GIRLS)
        key, text = self._tale(name, kind)
        request = self.rng.choice(("Tell me a story about a", "Please tell a story of a"))
        return key, [("user", f"{request} {kind} named {name}."), ("assistant", text)]

    def _scene(self) -> tuple[str, str]:
        """One sentence that stands alone."""
        slots = stories.vary(self.rng, stories.cast(self.rng))
        text = self.rng.choice(stories.SCENES).format_map(slots)
        return text, text

    def _statement(self) -> tuple[str, str]:
        """One fact, stated."""
        text = self.rng.choice(self.rng.choice(FACTS).statements)
        return text, text

    def _sum(self) -> tuple[str, str]:
        """One sum, stated; the key is the same in whatever form it is put."""
        key, asked, result = calculation(self.rng)
        return key, spelt(self.rng, asked, result)

    def _counting(self) -> tuple[str, str]:
        """Counting up or down."""
        start, length = self.rng.randint(0, 50), self.rng.randint(4, 12)
        numbers = list(range(start, start + length))[:: self.rng.choice((1, 1, -1))]
        text = f"Count from {numbers[0]} to {numbers[-1]}: {', '.join(map(str, numbers))}."
        return text, text

    def _asked_sum(self) -> tuple[str, Exchange]:
        """A sum as an exchange."""
        key, asked, result = calculation(self.rng)
        lead = self.rng.choice(LEADS)
        return key, Exchange(f"{lead}What is {asked}?", f"{asked} is {result}.", f"{result}.")

    def _asked_fact(self) -> tuple[str, Exchange]:
        """A fact as an exchange."""
        fact = self.rng.choice(FACTS)
        question = self.rng.choice(LEADS) + self.rng.choice(fact.questions)
        return question, Exchange(question, fact.statements[0], f"{fact.short}.")

    def _greeting(self) -> list[Message]:
        """A greeting and its answer."""
        hello = self.rng.choice(GREETINGS)
        return [("user", hello), ("assistant", f"{hello} How can I help you?")]


def plain(text: str) -> str:
    """A document without its special tokens."""
    return re.sub(r"<\|[a-z]+\|>", "", text)
