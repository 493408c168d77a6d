"""The agent's side of the connection to its keeper: a `Spawner` whose shells outlive the agent.

A request to the keeper takes about as long as a fork, so it blocks the loop, with a timeout. Messages that the keeper
sends unasked (a shell has ended) arrive through the loop.
"""

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from mobifai.bounds import BoundedMap, ItemQueue, Ledger
from mobifai.errors import LimitReached, StateError, TerminalError
from mobifai.limits import KEEPER_NEWS, TERMINAL_CHILDREN
from mobifai.terminals import keeper_protocol
from mobifai.terminals.shells import OnExit, ShellSpec, Spawned
from mobifai.terminals.spawning import map_ring

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
ALIVE_SECONDS = 10.0
"""The interval of keep-alive messages to the keeper. It kills an agent that sends nothing for six times as long."""

MOST_READS = 16
"""The most reads in a row. Fewer are enough for everything that a keeper can leave in the connection."""

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, LimitReached)
"""Errors that an invalid line causes."""


def _unreadable(error: Exception) -> str:
    """Return the message for an answer that is not valid."""
    return (
        f"the keeper, perhaps of another version of MobiFai, sent an answer that this agent can't read ({error!r}); "
        "stop MobiFai and start it again"
    )


class KeeperClient:
    """A spawner that uses a keeper. `lost` is called when the keeper has ended; the agent must then end, too."""

    def __init__(self, descriptor: int, ledger: Ledger, lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._connection = socket.socket(fileno=descriptor)
        self._connection.set_inheritable(False)
        self._connection.settimeout(ANSWER_SECONDS)
        self._receiver = keeper_protocol.Receiver(self._connection)
        self._bounds = (ledger.open(TERMINAL_CHILDREN), ledger.open(KEEPER_NEWS))
        self._on_exit: BoundedMap[int, OnExit] = BoundedMap(self._bounds[0])
        self._news: ItemQueue[dict[str, Any]] = ItemQueue(self._bounds[1])
        self._lost = lost
        self._numbers = itertools.count(1)
        hello = self._ask({"ask": "hello"})
        try:
            self.keeper_pid, self.life = int(hello["pid"]), int(hello["life"])
            self.notes: dict[str, Any] = dict(hello["notes"])  # bounded: the port, see keeper_restarts
            self._adoptable: dict[str, None] = dict.fromkeys(hello["shells"])  # bounded by the keeper's MOST_SHELLS
        except _UNREADABLE as error:
            raise StateError(_unreadable(error)) from None
        self._alive = self._loop.call_soon(self._send_alive)

    async def __aenter__(self) -> "KeeperClient":
        self._loop.add_reader(self._connection, self._readable)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._alive.cancel()
        self._loop.remove_reader(self._connection)
        self._receiver.close()
        self._connection.close()
        for bound in self._bounds:
            self._ledger.close(bound)

    # -- requests

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a question and return its answer. Other messages that arrive first are delivered later.

        Raises StateError if the keeper does not answer in time, or not with a valid message.
        """
        number = next(self._numbers)
        try:
            keeper_protocol.send(self._connection, {**question, "id": number})
            while True:
                while (message := self._receiver.next()) is not None:
                    if message.get("id") == number:
                        return message
                    self._sort(message)
                self._require_lines()
                if not self._receiver.receive():
                    raise StateError("the keeper closed the connection")
        except OSError as error:
            raise StateError(f"the keeper does not answer: {error}") from None
        except _UNREADABLE as error:
            raise StateError(_unreadable(error)) from None
        finally:
            self._loop.call_soon(self._deliver_news)  # unasked messages that came before the answer, or after it

    def send(self, event: str, **details: object) -> None:
        """Send the keeper the message `event` with `details`, which it does not answer."""
        try:
            keeper_protocol.send(self._connection, {"ask": event, **details})
        except ConnectionError:
            self._keeper_lost()
        except OSError:  # the keeper is slow: it gets the next message
            pass

    def started(self, port: int | None) -> None:
        """Report that the agent serves, and the port of the relay in this process, which the next agent reuses."""
        if port is not None:
            self.send("note", port=port)
        self.send("ready")

    def _send_alive(self) -> None:
        self.send("alive")
        self._alive = self._loop.call_later(ALIVE_SECONDS, self._send_alive)

    # -- unasked messages

    def _readable(self) -> None:
        """Read from the connection to the keeper until nothing is left, and deliver the messages.

        After the peer closed, uvloop calls a reader only once more even if data is unread, so the end of the connection
        must be found in the same call.
        """
        alive, reads = True, 0
        self._connection.settimeout(0)
        try:
            while alive and reads < MOST_READS:
                alive, reads = self._receiver.receive(), reads + 1
        except BlockingIOError:  # nothing is left, or a request has read it all
            pass
        except OSError:
            alive = False
        finally:
            self._connection.settimeout(ANSWER_SECONDS)
        self._deliver_news()
        if not alive:
            self._keeper_lost()

    def _deliver_news(self) -> None:
        """Deliver the unasked messages that have arrived. A keeper that sends invalid lines counts as gone."""
        try:
            self._deliver()
        except _UNREADABLE as error:
            _log.error("the agent ends, because its keeper sent a line that can't be read: %s", error)
            self._keeper_lost()

    def _keeper_lost(self) -> None:
        self._loop.remove_reader(self._connection)
        self._lost()

    def _sort(self, message: dict[str, Any]) -> None:
        """Queue a message that reports the end of a shell.

        Any other message is an answer that came after its timeout. It is dropped; a shell that was started for it is
        ended.
        """
        if "ended" in message:
            self._news.append(message)
            return
        for descriptor in self._receiver.take_descriptors(message.get("descriptors", 0)):
            os.close(descriptor)
        if message.get("spawned"):
            self.send("end", pid=message["pid"])

    def _deliver(self) -> None:
        while (message := self._receiver.next()) is not None:
            self._sort(message)
        self._require_lines()
        while len(self._news):
            news = self._news.take()
            on_exit = self._on_exit.pop(news.get("ended", 0), None)
            if on_exit is not None:
                on_exit(news.get("status"))

    def _require_lines(self) -> None:
        """Raise ValueError if the part of a line that has arrived is too long already."""
        if self._receiver.is_overfull:
            raise ValueError(f"a line of more than {keeper_protocol.LINE_BYTES} bytes")

    # -- the spawner

    def spawn(self, uuid: str, spec: ShellSpec, on_exit: OnExit) -> Spawned:
        """Have the keeper start a shell (see `Spawner`). Raises TerminalError, StateError."""
        question = {
            "ask": "spawn",
            "uuid": uuid,
            "argv": list(spec.argv),
            "env": dict(spec.env),
            "cwd": spec.cwd,
            "size": [spec.rows, spec.cols],
        }
        answer = self._ask(question)
        if "error" in answer:
            raise TerminalError(answer["error"], uuid)
        return self._receive_shell(uuid, answer, on_exit, adopted=False)

    def adopt(self, uuid: str, on_exit: OnExit) -> Spawned | None:
        """Take over the shell that the previous agent had for this terminal, if there is one (see `Spawner`)."""
        if uuid not in self._adoptable:
            return None
        answer = self._ask({"ask": "take", "uuid": uuid})
        adopted = None if "error" in answer else self._receive_shell(uuid, answer, on_exit, adopted=True)
        del self._adoptable[uuid]
        return adopted

    def unclaimed(self) -> list[str]:
        """Return the ids of the terminals whose shells are not adopted yet (see `Spawner`)."""
        return list(self._adoptable)

    def describe(self, uuid: str, label: Mapping[str, object]) -> None:
        """Store a tab's description in the keeper (see `Spawner`)."""
        self.send("label", uuid=uuid, label=dict(label))

    def _receive_shell(self, uuid: str, answer: dict[str, Any], on_exit: OnExit, *, adopted: bool) -> Spawned:
        descriptors = self._receiver.take_descriptors(answer["descriptors"])
        if len(descriptors) < 2:
            for descriptor in descriptors:
                os.close(descriptor)
            self._end_unseen(answer)
            raise TerminalError("no file descriptor is left for a new terminal; close some terminals", uuid)
        master, memory = descriptors
        try:
            ring = map_ring(memory)
        except (OSError, ValueError) as error:
            os.close(master)
            self._end_unseen(answer)
            raise TerminalError(f"no memory is left for a new terminal ({error}); close some terminals", uuid) from None
        finally:
            os.close(memory)
        self._on_exit[answer["pid"]] = on_exit
        if not answer["running"]:
            self._news.append({"ended": answer["pid"], "status": answer.get("status")})
            self._loop.call_soon(self._deliver)
        return Spawned(answer["pid"], master, ring, shared=True, adopted=adopted, label=answer.get("label", {}))

    def _end_unseen(self, answer: dict[str, Any]) -> None:
        """End the shell of an answer that can't be used, if it is new. An older shell can still be adopted later."""
        if answer.get("spawned"):
            self.send("end", pid=answer["pid"])

    def end(self, pid: int) -> None:
        """Have the keeper hang up on a shell (see `Spawner`)."""
        self._on_exit.pop(pid, None)
        self.send("end", pid=pid)

    def release(self, pid: int) -> None:
        """Leave a shell to the keeper, for the next agent (see `Spawner`)."""
        self._on_exit.pop(pid, None)
