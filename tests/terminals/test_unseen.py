"""Notices about hidden terminals that printed: one for each."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.session.terminals import SessionTerminals
from mobifai.terminals.shells import ShellSpec
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from tests.support.eventually import eventually
from tests.terminals.fakes import FakeSpawner, Notes


class TwoTabs:
    """Two tabs and a phone that shows the second."""

    def __init__(self, tabs: Tabs, session: SessionTerminals, spawner: FakeSpawner, notes: Notes) -> None:
        self.tabs, self.session, self._notes = tabs, session, notes
        for uuid in ("hidden", "shown"):
            session.create(messages.ProcessCreate(uuid=uuid))
        self._programs = {terminal.uuid: spawner.slaves[terminal.pid] for terminal in tabs.terminals}

    async def print(self, uuid: str, data: bytes = b"news") -> None:
        terminal = self.tabs.find(uuid)
        end = terminal.position + len(data)
        os.write(self._programs[uuid], data)
        await eventually(lambda: terminal.position == end)

    @property
    def reported(self) -> list[object]:
        return self._notes.events("process:printed")


@asynccontextmanager
async def two_tabs(folder: Path, features: Features) -> AsyncIterator[TwoTabs]:
    spawner, notes, ledger = FakeSpawner(), Notes(), Ledger()
    with TabStore(folder / "tabs.sqlite") as store:
        tabs = Tabs(ledger, spawner, store, lambda: ShellSpec(("/bin/sh",), {}, "/"), iter(range(9)).__next__)
        session = SessionTerminals(tabs, ledger, features, notes)
        session.start()
        yield TwoTabs(tabs, session, spawner, notes)
        session.close()
        tabs.close()
    spawner.close()


async def test_output_that_is_not_shown_is_reported_once(tmp_path: Path) -> None:
    async with two_tabs(tmp_path, Features(unseen_output=True)) as here:
        await here.print("hidden")
        await here.print("hidden")
        assert here.reported == [messages.ProcessPrinted(uuid="hidden", end=4)]


async def test_once_it_was_shown_it_is_reported_again(tmp_path: Path) -> None:
    async with two_tabs(tmp_path, Features(unseen_output=True)) as here:
        await here.print("hidden")
        for uuid in ("hidden", "shown"):
            here.session.switch(messages.ProcessSwitch(active_uuids=(uuid,)))
        await here.print("hidden")
        assert here.reported == [messages.ProcessPrinted(uuid="hidden", end=end) for end in (4, 8)]


async def test_output_that_is_shown_is_not_reported(tmp_path: Path) -> None:
    async with two_tabs(tmp_path, Features(unseen_output=True)) as here:
        await here.print("shown")
        assert here.reported == []


@pytest.mark.parametrize("left", [True, False])
async def test_nothing_is_reported_to_who_has_left_or_does_not_know_of_it(tmp_path: Path, left: bool) -> None:
    async with two_tabs(tmp_path, Features(unseen_output=True) if left else NO_FEATURES) as here:
        if left:
            here.session.close()
        await here.print("hidden")
        assert here.reported == []
