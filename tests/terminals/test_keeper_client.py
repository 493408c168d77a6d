"""The agent's side of the connection to the keeper: late answers, and notifications before and after answers."""

import asyncio
import contextlib
import os
import select
import socket
import threading

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import StateError
from mobifai.limits import TERMINAL_CHILDREN
from mobifai.terminals import keeper_client as kept
from mobifai.terminals import keeper_protocol as keeper_wire
from mobifai.terminals import keeper_shells
from mobifai.terminals.keeper_client import KeeperClient
from mobifai.terminals.shells import OnExit, ShellSpec, Spawned
from mobifai.terminals.spawning import ring_descriptor
from tests.support.eventually import eventually

SPEC = ShellSpec(("/bin/sh",), {}, "/")


class Keeper:
    """A keeper whose answers a test can hold back. Every shell's master is a pipe, with its pid as the only content."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.received: list[dict[str, object]] = []
        self._thread = threading.Thread(target=self._serve, name="keeper")
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the agent is gone
            self._obey()

    def _obey(self) -> None:
        receiver, pid = keeper_wire.Receiver(self._end), 1000
        while receiver.receive():
            while (question := receiver.next()) is not None:
                if question["ask"] == "hello":
                    answer = {"shells": [], "notes": {}, "pid": 1, "life": 1}
                    keeper_wire.send(self._end, {**answer, "id": question["id"]})
                elif question["ask"] == "spawn":
                    self.may_answer.wait()
                    pid += 1
                    self._hand_over(pid, question["id"])
                    if question["uuid"] == "short-lived":
                        self.say_ended(pid)
                else:
                    self.received.append(question)

    def _hand_over(self, pid: int, number: int) -> None:
        reader, writer = os.pipe()
        os.write(writer, str(pid).encode())
        memory = ring_descriptor(1000)
        answer = {"pid": pid, "running": True, "spawned": True, "id": number}
        try:
            keeper_wire.send(self._end, answer, [reader, memory])
        finally:
            for descriptor in (reader, writer, memory):
                os.close(descriptor)

    def say_ended(self, pid: int) -> None:
        keeper_wire.send(self._end, {"ended": pid})

    def close(self) -> None:
        self.may_answer.set()
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._end.close()


def test_the_keeper_holds_as_many_shells_as_the_agent_has() -> None:
    assert TERMINAL_CHILDREN.value == keeper_shells.MOST_SHELLS


async def test_a_late_answer_is_dropped_and_its_shell_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ANSWER_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    held, nothing = Keeper(theirs), no_exit
    try:
        async with KeeperClient(ours.detach(), Ledger(), lambda: None) as shells:
            held.may_answer.clear()
            with pytest.raises(StateError, match="does not answer"):
                shells.spawn("late", SPEC, nothing)
            shells._connection.settimeout(5)
            held.may_answer.set()
            for uuid in ("one", "two"):
                spawned = shells.spawn(uuid, SPEC, nothing)
                assert os.read(spawned.master, 10).decode() == str(spawned.pid)
                let_go(spawned)
            await eventually(lambda: {"ask": "end", "pid": 1001, "descriptors": 0} in held.received)
    finally:
        held.close()


async def test_news_read_with_an_answer_are_not_waited_for_again() -> None:
    """The loop has seen that the socket is readable; before it reads, a phone asks for a shell."""
    ours, theirs = socket.socketpair()
    held, lost, ended = Keeper(theirs), list[str](), list[str]()
    asks, phone = os.pipe()
    try:
        async with KeeperClient(ours.detach(), Ledger(), lambda: lost.append("keeper")) as shells:
            let_go(first := shells.spawn("first", SPEC, lambda _: ended.append("first")))
            loop, taken = asyncio.get_running_loop(), list[int]()

            def asked() -> None:
                loop.remove_reader(asks)
                let_go(shells.spawn("second", SPEC, no_exit))
                taken.append(len(select.select([shells._connection], [], [], 0)[0]))

            loop.add_reader(asks, asked)
            await asyncio.sleep(0)
            os.write(phone, b".")
            held.say_ended(first.pid)
            await eventually(lambda: bool(taken))
            await eventually(lambda: ended == ["first"])
            assert taken == [0], "the test's order of events did not come about"
            let_go(shells.spawn("third", SPEC, no_exit))
        assert lost == []
    finally:
        held.close()
        os.close(asks)
        os.close(phone)


async def test_news_that_follow_an_answer_are_delivered() -> None:
    ours, theirs = socket.socketpair()
    held, ended = Keeper(theirs), list[str]()
    try:
        async with KeeperClient(ours.detach(), Ledger(), lambda: None) as shells:
            for _ in range(20):  # some runs read both in one call
                let_go(shells.spawn("short-lived", SPEC, lambda _: ended.append("short-lived")))
                await eventually(lambda: ended == ["short-lived"])
                ended.clear()
    finally:
        held.close()


def let_go(spawned: Spawned) -> None:
    os.close(spawned.master)
    spawned.memory.close()


no_exit: OnExit = lambda _: None  # noqa: E731


@pytest.mark.parametrize(
    "line", [b"word", b"null", b"[]", b'"ended"', b'{"ended": []}', b'{"descriptors": "x"}', b"[" * 4000]
)
async def test_a_keeper_whose_lines_cannot_be_read_counts_as_gone(line: bytes) -> None:
    ours, keepers = socket.socketpair()
    keeper, lost = Keeper(keepers), asyncio.Event()
    try:
        async with KeeperClient(ours.detach(), Ledger(), lost.set):
            keepers.sendall(line + b"\n")
            async with asyncio.timeout(5):
                await lost.wait()
    finally:
        keeper.close()


async def test_a_keeper_that_ends_no_line_counts_as_gone() -> None:
    ours, keepers = socket.socketpair()
    keeper, lost = Keeper(keepers), asyncio.Event()
    try:
        async with KeeperClient(ours.detach(), Ledger(), lost.set):
            sending = asyncio.create_task(asyncio.to_thread(keepers.sendall, b"x" * (keeper_wire.LINE_BYTES + 1)))
            async with asyncio.timeout(5):
                await lost.wait()
            await sending
    finally:
        keeper.close()


async def test_a_keeper_that_ends_right_after_its_news_and_has_read_nothing_counts_as_gone() -> None:
    ours, keepers = socket.socketpair()
    keepers.sendall(b'{"shells": [], "notes": {}, "pid": 1, "life": 1, "id": 1}\n')
    lost = asyncio.Event()
    async with KeeperClient(ours.detach(), Ledger(), lost.set):
        keepers.sendall(b'{"ended": 1}\n')
        keepers.close()
        async with asyncio.timeout(5):
            await lost.wait()


async def test_a_keeper_that_cannot_be_sent_anything_counts_as_gone() -> None:
    ours, keepers = socket.socketpair()
    keeper, lost = Keeper(keepers), list[str]()
    try:
        async with KeeperClient(ours.detach(), Ledger(), lambda: lost.append("lost")) as shells:
            keeper.close()
            shells.send("label", uuid="one", label={})  # before the loop could see the end of the connection
            assert lost
    finally:
        keeper.close()
