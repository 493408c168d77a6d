"""Notices about hidden terminals that printed: one for each."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.terminals.shells import ShellSpec
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from tests.support.eventually import eventually
from tests.terminals.fakes import FakeSpawner, Notes

SEES = Features(unseen_output=True)


class Desk:
    """Two tabs, of which the second is shown."""

    def __init__(self, tabs: Tabs, spawner: FakeSpawner, notes: Notes) -> None:
        self.tabs, self.notes = tabs, notes
        for uuid in ("hidden", "shown"):
            tabs.create(messages.ProcessCreate(uuid=uuid))
        self._programs = {terminal.uuid: spawner.slaves[terminal.pid] for terminal in tabs.terminals}

    async def print(self, uuid: str, data: bytes = b"news") -> None:
        terminal = self.tabs.find(uuid)
        end = terminal.position + len(data)
        os.write(self._programs[uuid], data)
        await eventually(lambda: terminal.position == end)

    @property
    def told(self) -> list[object]:
        return [payload for event, payload in self.notes.said if event == "process:printed"]


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    spawner, notes = FakeSpawner(), Notes()
    with TabStore(folder / "tabs.sqlite") as store:
        tabs = Tabs(Ledger(), spawner, store, notes, lambda: ShellSpec(("/bin/sh",), {}, "/"), iter(range(9)).__next__)
        yield Desk(tabs, spawner, notes)
        tabs.close()
    spawner.close()


async def test_output_that_is_not_shown_is_told_once(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.tabs.phone_came(SEES)
        await desk.print("hidden")
        await desk.print("hidden")
        assert desk.told == [messages.ProcessPrinted(uuid="hidden", end=4)]


async def test_once_it_was_shown_it_is_told_again(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.tabs.phone_came(SEES)
        await desk.print("hidden")
        for uuid in ("hidden", "shown"):
            desk.tabs.switch(messages.ProcessSwitch(active_uuids=(uuid,)))
        await desk.print("hidden")
        assert desk.told == [messages.ProcessPrinted(uuid="hidden", end=end) for end in (4, 8)]


async def test_output_that_is_shown_is_not_told(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.tabs.phone_came(SEES)
        await desk.print("shown")
        assert desk.told == []


@pytest.mark.parametrize("left", [True, False])
async def test_nobody_is_told_who_is_not_there_or_does_not_know_of_it(tmp_path: Path, left: bool) -> None:
    async with a_desk(tmp_path) as desk:
        desk.tabs.phone_came(SEES if left else NO_FEATURES)
        if left:
            desk.tabs.phone_left()
        await desk.print("hidden")
        assert desk.told == []
