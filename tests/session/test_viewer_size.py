"""The size of a viewer: its terminals open in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import TerminalError
from mobifai.protocol.features import NO_FEATURES
from mobifai.protocol.messages import ProcessCreate, TerminalResize
from mobifai.session.terminals import SessionTerminals
from mobifai.terminals.shells import ShellSpec
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from tests.terminals.fakes import FakeSpawner, Notes


@contextmanager
def two_viewers(folder: Path) -> Iterator[tuple[Tabs, SessionTerminals, SessionTerminals]]:
    spawner, ledger = FakeSpawner(), Ledger({"sessions": 2})
    with TabStore(folder / "tabs.sqlite") as store:
        tabs = Tabs(ledger, spawner, store, lambda: ShellSpec(("/bin/sh",), {}, "/"), iter(range(9)).__next__)
        viewers = [SessionTerminals(tabs, ledger, NO_FEATURES, Notes()) for _ in range(2)]
        yield tabs, viewers[0], viewers[1]
        for viewer in viewers:
            viewer.close()
        tabs.close()
    spawner.close()


async def test_a_terminal_opens_in_the_size_that_its_viewer_has_sent(tmp_path: Path) -> None:
    with two_viewers(tmp_path) as (tabs, first, second):
        first.resize(TerminalResize(cols=40, rows=20))
        second.resize(TerminalResize(cols=100, rows=30))
        for uuid, viewer in (("a", first), ("b", second)):
            viewer.create(ProcessCreate(uuid=uuid))
        assert [tabs.find(uuid).size for uuid in "ab"] == [(40, 20), (100, 30)]


async def test_a_size_in_the_request_comes_before_that_of_the_viewer(tmp_path: Path) -> None:
    with two_viewers(tmp_path) as (tabs, viewer, _):
        viewer.create(ProcessCreate(uuid="first"))
        viewer.resize(TerminalResize(cols=40, rows=20, uuid="first"))
        viewer.create(ProcessCreate(uuid="own", cols=50))
        assert [tabs.find(uuid).size for uuid in ("first", "own")] == [(40, 20), (50, 20)]


async def test_a_size_that_no_screen_has_is_not_kept(tmp_path: Path) -> None:
    with two_viewers(tmp_path) as (tabs, viewer, _):
        viewer.resize(TerminalResize(cols=40, rows=20))
        with pytest.raises(TerminalError):
            viewer.resize(TerminalResize(cols=0, rows=20))
        viewer.create(ProcessCreate(uuid="a"))
        assert tabs.find("a").size == (40, 20)
