"""Where inputs come from: examples of the message types, the stored corpus, and changes to both.

Owns one stream of chance, so that a seed gives the same inputs again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import corpus, payloads
from tests.fuzz.mutation import change_bytes, change_value, deep, encode

KEPT = Path(".fuzz/corpus")
"""Where runs keep what they found interesting."""

EACH = 8
"""Examples drawn for each event in a run."""

SESSIONS = 1_000_003
"""A session's seed is the run's times this, and a number of its own."""

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
        """An event with a payload that is as it should be, or nearly so."""
        random = self.random
        while True:
            event, payload = random.choice(self.events)
            if event not in refused:
                break
        for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
            payload = change_value(random, payload, self._payloads)
        return event, payload

    def message(self, form: Form, refused: Sequence[str] = ()) -> bytes:
        """A message as JSON in a form, or bytes that once were one."""
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
        """Bytes that are one of the examples, or of the corpus, or once were."""
        random = self.random
        data = random.choice(self.corpus if self.corpus and random.random() < 0.3 else examples)
        return change_bytes(random, data, examples) if random.random() < 0.9 else data


def as_text(data: bytes) -> bytes:
    """The same where it is UTF-8, and something near it where it is not."""
    return data.decode(errors="replace").encode()
