"""The control socket: one answer, or events until an end."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mobifai.bounds import Ledger
from mobifai.control import client, server
from mobifai.control.client import send_request, stream_events
from mobifai.control.server import ControlHandler, StreamingHandler, control_server
from mobifai.errors import StateError
from tests.support.eventually import eventually


class Questions:
    """The handlers of the process under test."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()
        self.flooded = 0

    async def echo(self, arguments: dict[str, Any]) -> object:
        return arguments

    async def refuse(self, _: dict[str, Any]) -> object:
        raise StateError("not today")

    async def count(self, arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        try:
            for number in range(arguments["to"]):
                yield {"number": number}
            if arguments.get("refuse"):
                raise StateError("no further")
        finally:
            self.ended.set()

    async def wait(self, _: dict[str, Any]) -> AsyncGenerator[object, None]:
        try:
            yield "first"
            await self.go_on.wait()
            yield "last"
        finally:
            await asyncio.sleep(0)  # a slow end is awaited
            self.ended.set()

    async def flood(self, _: dict[str, Any]) -> AsyncGenerator[object, None]:
        try:
            while True:
                self.flooded += 1
                yield "x" * 10_000
        finally:
            self.ended.set()

    @property
    def handlers(self) -> Mapping[str, ControlHandler | StreamingHandler]:
        return {name: getattr(self, name) for name in ("echo", "refuse", "count", "wait", "flood")}


@asynccontextmanager
async def a_process(directory: Path) -> AsyncIterator[tuple[Questions, Path]]:
    """Run a server of the control socket in this scope."""
    questions, ledger = Questions(), Ledger()
    async with control_server(directory / "c.sock", questions.handlers, ledger):
        yield questions, directory / "c.sock"
    assert all(entry.instances == 0 for entry in ledger.entries())


async def all_of(path: Path, question: str, **arguments: object) -> list[Any]:
    return [event async for event in stream_events(path, question, arguments)]


async def test_a_question_has_one_answer(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (_, path):
        assert await send_request(path, "echo", {"a": 1}) == {"a": 1}


async def test_a_refusal_is_returned_as_an_error(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (_, path):
        with pytest.raises(StateError, match="not today"):
            await send_request(path, "refuse")
        with pytest.raises(StateError, match="does not know the request 'sing'"):
            await send_request(path, "sing")


async def test_a_question_may_be_answered_with_events(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (questions, path):
        assert await all_of(path, "count", to=3) == [{"number": 0}, {"number": 1}, {"number": 2}]
        assert await all_of(path, "count", to=0) == []
        assert questions.ended.is_set()


async def test_an_event_comes_when_it_happens(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (questions, path):
        async with aclosing(stream_events(path, "wait")) as events:
            assert await anext(events) == "first"
            questions.go_on.set()
            assert await anext(events) == "last"


async def test_events_may_end_with_a_refusal(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (questions, path):
        with pytest.raises(StateError, match="no further"):
            await all_of(path, "count", to=2, refuse=True)
        assert questions.ended.is_set()


async def test_a_command_that_disconnects_ends_its_stream(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (questions, path):
        async with aclosing(stream_events(path, "wait")) as events:
            assert await anext(events) == "first"
        await asyncio.wait_for(questions.ended.wait(), 10)


async def test_a_command_that_does_not_read_ends_its_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.2)
    async with a_process(tmp_path) as (questions, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"ask": "flood"}\n')
        await asyncio.wait_for(questions.ended.wait(), 10)
        writer.close()
        assert reader is not None


async def test_the_process_stops_though_a_command_does_not_read(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as command:
        async with asyncio.timeout(10):
            async with a_process(tmp_path) as (questions, path):
                command.connect(str(path))
                command.sendall(b'{"ask": "flood"}\n')
                # More than the kernel accepts, as with a command that Ctrl-Z has stopped.
                await eventually(
                    lambda: questions.flooded > command.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) / 10_000
                )


async def test_the_process_stopping_ends_it(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (questions, path):
        events = stream_events(path, "wait")
        assert await anext(events) == "first"
    assert questions.ended.is_set()
    with pytest.raises(StateError, match="closed the connection"):
        await anext(events)


async def test_keep_alives_distinguish_silence_from_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1)
    async with a_process(tmp_path) as (questions, path):
        asyncio.get_running_loop().call_later(2, questions.go_on.set)
        assert await all_of(path, "wait") == ["first", "last"]


async def test_a_process_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    async with a_process(tmp_path) as (questions, path):
        with pytest.raises(StateError, match="does not answer"):
            await all_of(path, "wait")
        await eventually(questions.ended.is_set)


@pytest.mark.parametrize("answer", [b"", b'{"answer": {"a'])
async def test_an_answer_that_is_cut_off_is_reported(tmp_path: Path, answer: bytes) -> None:
    async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(cut_off, tmp_path / "c.sock"):
        with pytest.raises(StateError, match="before its answer was complete"):
            await send_request(tmp_path / "c.sock", "echo")


async def test_a_request_has_a_size(tmp_path: Path) -> None:
    async with a_process(tmp_path) as (_, path):
        with pytest.raises(StateError, match="at most 65536 bytes"):
            await send_request(path, "echo", {"a": "x" * 70_000})


async def test_without_a_process_the_error_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="start `mobifai serve`"):
        await all_of(tmp_path / "c.sock", "count", to=1)


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"not json\n",
        b'{"ask": 1}\n',
        b'{"ask": "echo", "with": []}\n',
        b"[" * 99 + b"\n",
        b"[" * 4000 + b"\n",
    ],
)
async def test_a_malformed_request_is_rejected(tmp_path: Path, line: bytes) -> None:
    async with a_process(tmp_path) as (_, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        assert (await reader.readline()).startswith(b'{"error":')
        writer.close()
