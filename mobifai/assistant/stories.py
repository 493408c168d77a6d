"""The history of the latest conversation in each terminal, for phones that reconnect.

Owns a limited number of events, and a file with the running conversations. If the file lists conversations when an
agent starts, the end of the previous agent interrupted them. They are then shown as interrupted.
"""

import itertools
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import StateError
from mobifai.limits import (
    ASSISTANT_STORIES,
    ASSISTANT_STORY_BYTES,
    ASSISTANT_STORY_EVENTS,
    MAX_AI_HISTORY,
    MAX_AI_STORIES_FILE,
)
from mobifai.protocol import messages
from mobifai.state import write_secret

_log = logging.getLogger(__name__)

INTERRUPTED = "the agent stopped or crashed during this conversation; the task may be unfinished"


@dataclass(slots=True)
class _Story:
    """The history of one conversation, except its events.

    `dropped` is the number of its oldest events that were dropped.
    """

    started: messages.AiStarted
    running: bool = True
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Event:
    uuid: str
    event: messages.AiEvent
    size: int


class Stories:
    """Keeps the histories, at most one for each terminal.

    If there are too many, the oldest history whose conversation has ended is dropped, or else the oldest one. `file`
    lists the running conversations; it need not exist yet.
    """

    def __init__(self, file: Path, ledger: Ledger) -> None:
        self._file = file
        self._ledger = ledger
        limits = (ASSISTANT_STORIES, ASSISTANT_STORY_EVENTS, ASSISTANT_STORY_BYTES)
        self._bounds = self._most, self._items, self._size = [ledger.open(limit) for limit in limits]
        self._stories: BoundedMap[str, _Story] = BoundedMap(self._most)
        self._events: BoundedMap[int, _Event] = BoundedMap(self._items)
        self._numbers = itertools.count()
        self._recall()

    def close(self) -> None:
        """Remove all histories from memory, but keep the file for the next agent. Idempotent."""
        self._stories.clear()
        self._events.clear()
        for bound in self._bounds:
            self._ledger.close(bound)

    def begin(self, started: messages.AiStarted) -> None:
        """Begin the history of a new conversation. It replaces the earlier history of its terminal."""
        self.forget(started.uuid)
        while not self._most.room:
            ended = (uuid for uuid, story in self._stories.items() if not story.running)
            self.forget(next(ended, next(iter(self._stories))))
        self._stories[started.uuid] = _Story(started)
        self._keep()

    def add(self, uuid: str, event: str, payload: object) -> None:
        """Add an event to the history of a terminal. If there is no room, drop the oldest events of all histories."""
        if uuid not in self._stories:
            return
        what = messages.AiEvent(event, payload)
        added = _Event(uuid, what, len(msgspec.json.encode(what)))
        while self._events and (not self._items.room or self._used + added.size > self._size.capacity):
            self._drop_oldest()
        if self._used + added.size > self._size.capacity:
            self._stories[uuid].dropped += 1
            return
        self._events[next(self._numbers)] = added
        self._size.set(self._used)

    @property
    def _used(self) -> int:
        return sum(event.size for event in self._events.values())

    def _drop_oldest(self) -> None:
        oldest = self._events.pop(next(iter(self._events)))
        self._stories[oldest.uuid].dropped += 1
        self._items.evicted(1)
        self._size.evicted(oldest.size)

    def end(self, uuid: str, *, interrupted: bool) -> None:
        """Record that the conversation in a terminal has ended.

        `interrupted`: it ended because the agent stops. It then stays in the file, so that the next agent reports it.
        """
        if uuid in self._stories:
            self._stories[uuid].running = False
            if not interrupted:
                self._keep()

    def forget(self, uuid: str) -> None:
        """Remove the history of a terminal."""
        if self._stories.pop(uuid, None) is not None:
            for number in [number for number, event in self._events.items() if event.uuid == uuid]:
                del self._events[number]
            self._size.set(self._used)

    def histories(self, uuids: Iterable[str]) -> list[messages.AiHistory]:
        """Return a message with the history of each of these terminals that has one.

        A message contains as many of the latest events as fit.
        """
        return [self._history(uuid, self._stories[uuid]) for uuid in uuids if uuid in self._stories]

    def _history(self, uuid: str, story: _Story) -> messages.AiHistory:
        own = [event for event in self._events.values() if event.uuid == uuid]
        sizes = itertools.accumulate(event.size for event in reversed(own))
        fitting = sum(1 for size in sizes if size <= MAX_AI_HISTORY)
        events = tuple(event.event for event in own[len(own) - fitting :])
        dropped = story.dropped + len(own) - fitting
        return messages.AiHistory(
            uuid, story.started.conversation, story.running, story.started.prompt, events, dropped
        )

    # -- the file

    def _keep(self) -> None:
        running = [story.started for story in self._stories.values() if story.running]
        try:
            if running:
                write_secret(self._file, msgspec.json.encode(running))
            else:
                self._file.unlink(missing_ok=True)
        except (OSError, StateError) as error:
            _log.warning(
                "the list of running conversations, for the next agent, can't be stored in %s: %s", self._file, error
            )

    def _recall(self) -> None:
        for started in _read(self._file)[: self._most.capacity]:
            self._stories[started.uuid] = _Story(started, running=False)
            self.add(started.uuid, "ai:error", messages.AiError(started.uuid, INTERRUPTED, started.conversation))
        self._keep()


def _read(file: Path) -> list[messages.AiStarted]:
    """Return the list of conversations in a file; [] if the file is missing or damaged."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        return msgspec.json.decode(os.read(descriptor, MAX_AI_STORIES_FILE), type=list[messages.AiStarted])
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("%s: expected a list of running conversations; the file is damaged: %s", file, error)
        return []
    finally:
        os.close(descriptor)
