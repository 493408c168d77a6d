"""The source of inputs: examples of the message types, the stored corpus, and changes to both.

It has one random generator, so that a seed gives the same inputs again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import corpus, payloads
from tests.fuzz.mutation import change_bytes, change_value, deep, encode

KEPT = Path(".fuzz/corpus")
"""The folder in which runs store interesting inputs."""

EACH = 8
"""The number of examples drawn for each event in a run."""

SESSIONS = 1_000_003
"""A session's seed is the run's seed times this, plus the session's number."""

Form = Callable[[str, Any], Any]
"""Builds a message as a JSON value from its event and payload."""


class Source:
    """Inputs for one session of one target. `number` is its seed."""

    def __init__(self, name: str, number: int, tables: payloads.Tables = (), each: int = EACH) -> None:
        self.number = number
        self.random = Random(number)  # noqa: S311 - the same again for the same seed
        self.corpus = corpus.load(name, KEPT)
        self.events = payloads.events(tables, each, number // SESSIONS) if tables else []
        self._payloads = [payload for _, payload in self.events]

    def event(self, refused: Sequence[str] = ()) -> tuple[str, Any]:
        """Return an event with a valid or nearly valid payload."""
        random = self.random
        while True:
            event, payload = random.choice(self.events)
            if event not in refused:
                break
        for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
            payload = change_value(random, payload, self._payloads)
        return event, payload

    def message(self, form: Form, refused: Sequence[str] = ()) -> bytes:
        """Return a message as JSON in a form, or mutated bytes of it."""
        random = self.random
        roll = random.random()
        if roll < 0.1 and self.corpus:
            return change_bytes(random, random.choice(self.corpus), self.corpus)
        if roll < 0.101:
            return deep(random)
        value = form(*self.event(refused))
        if roll < 0.2:
            value = change_value(random, value, self._payloads)
        data = encode(value)
        return change_bytes(random, data, self.corpus) if roll > 0.8 else data

    def bytes_like(self, examples: Sequence[bytes]) -> bytes:
        """Return bytes of the examples or of the corpus, which may be mutated."""
        random = self.random
        data = random.choice(self.corpus if self.corpus and random.random() < 0.3 else examples)
        return change_bytes(random, data, examples) if random.random() < 0.9 else data


def as_text(data: bytes) -> bytes:
    """Return such bytes as text. Invalid UTF-8 is replaced."""
    return data.decode(errors="replace").encode()
