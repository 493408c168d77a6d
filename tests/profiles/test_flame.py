"""memray's flame graph of a running agent: the window is always removed, and the page is self-contained."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import StateError
from mobifai.state import StateDir
from profiles import flame as flames_outside
from profiles.flame import flame
from profiles.inside import memray_window
from profiles.inside.early_stop import EarlyStop
from profiles.inside.memray_window import trace
from profiles.results import ProfileError
from profiles.windows import LONGEST_FLAME
from profiles.writable import check_writable
from soak.harness.interruption import Interruption
from soak.inside.windows import MemoryWindows
from tests.support.agent import serving

pytest.importorskip("memray")


@pytest.fixture(autouse=True, scope="module")
def _memray_is_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """memray's first window opens a pipe that stays open."""
    windows = MemoryWindows()
    windows.begin(tmp_path_factory.mktemp("memray") / "window.bin")
    windows.end()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """Create a directory that only its owner may enter."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    yield folder
    assert_nothing_traces(tmp_path / "after.bin")


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def assert_nothing_traces(file: Path) -> None:
    windows = MemoryWindows()
    windows.begin(file)
    windows.end()


def window(folder: Path, seconds: object = 600, early: EarlyStop | None = None) -> AsyncGenerator[object, None]:
    return trace({"seconds": seconds, "file": str(folder / "window.bin"), "run": "mine"}, early or EarlyStop())


# -- inside the agent


async def test_a_window_ends_with_its_time_and_says_how_large_it_is(private: Path) -> None:
    began, ended = [event async for event in window(private, 0.05)]
    size = (private / "window.bin").stat().st_size
    assert began == {"began": True}
    assert ended == {"seconds": 0.05, "bytes": size}
    assert size > 0


async def test_a_window_comes_off_when_the_command_hangs_up(private: Path) -> None:
    events = window(private)
    await anext(events)
    await events.aclose()
    assert_nothing_traces(private / "next.bin")


async def test_a_window_comes_off_when_the_wait_is_cancelled(private: Path) -> None:
    events = window(private)
    await anext(events)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert_nothing_traces(private / "next.bin")


async def test_a_window_ends_early_when_the_command_that_began_it_says_so(private: Path) -> None:
    early = EarlyStop()
    events = window(private, early=early)
    await anext(events)
    assert await early.conclude({"run": "another"}) == {"ending": False}
    assert await early.conclude({"run": "mine"}) == {"ending": True}
    (ended,) = [event async for event in events]
    assert isinstance(ended, dict)
    assert 0 < ended["seconds"] < 600
    assert ended["bytes"] == (private / "window.bin").stat().st_size > 0
    assert await early.conclude({"run": "mine"}) == {"ending": False}


async def test_a_window_ends_early_when_its_file_gets_too_large(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memray_window, "MOST_FILE", -1)
    async with asyncio.timeout(30):
        (_, ended) = [event async for event in window(private)]
    assert isinstance(ended, dict)
    assert ended["seconds"] < 30


@pytest.mark.parametrize("seconds", [0, -1, LONGEST_FLAME + 1, float("nan"), float("inf"), "soon", None])
async def test_a_window_that_has_no_end_is_refused(seconds: object, private: Path) -> None:
    with pytest.raises(StateError, match="expected more than 0 and at most"):
        await anext(window(private, seconds))


async def test_a_file_is_only_written_where_nobody_else_may_be(private: Path) -> None:
    private.chmod(0o755)
    with pytest.raises(StateError, match="only its owner can enter"):
        await anext(window(private))
    private.chmod(0o700)
    (private / "window.bin").touch()
    with pytest.raises(StateError, match="expected a new file"):
        await anext(window(private))
    with pytest.raises(StateError, match="expected a directory"):
        await anext(window(private / "nowhere"))


async def test_a_second_window_is_refused_and_the_first_goes_on(private: Path) -> None:
    first = window(private)
    await anext(first)
    try:
        with pytest.raises(StateError):
            await anext(trace({"seconds": 1, "file": str(private / "second.bin")}, EarlyStop()))
        assert (private / "window.bin").exists()
    finally:
        await first.aclose()


async def test_without_memray_it_says_so(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "memray", None)
    with pytest.raises(StateError, match="memray can.t trace"):
        await anext(window(private))


# -- the page


async def test_a_page_is_not_begun_where_it_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "nowhere" / "flame.html", tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(ProfileError, match="--out"):
            check_writable(out, "--out")
    assert check_writable(tmp_path / "flame.html", "--out") == tmp_path / "flame.html"
    assert names(tmp_path) == ["folder"]


async def test_without_an_agent_it_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flames_outside.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(StateError, match="no mobifai is running"):
        await flame(tmp_path / "nobody.sock", 1, tmp_path / "flame.html", Interruption())
    assert list(tmp_path.iterdir()) == []


async def test_what_memray_can_not_draw_is_an_error_and_leaves_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def writes_nonsense(_: Path, __: str, arguments: dict[str, Any]) -> AsyncGenerator[object, None]:
        Path(arguments["file"]).write_text("nonsense")
        yield {}

    monkeypatch.setattr(flames_outside, "stream_events", writes_nonsense)
    out = tmp_path / "flame.html"
    out.write_text("the page of before")
    with pytest.raises(ProfileError, match="could not draw"):
        await flame(tmp_path / "any.sock", 1, out, Interruption())
    assert out.read_text() == "the page of before"
    assert names(tmp_path) == ["flame.html"]


@pytest.mark.parametrize("kept", [False, True])
async def test_a_running_agent_is_drawn_on_a_page_that_needs_no_network(kept: bool, tmp_path: Path) -> None:
    out = tmp_path / "flame.html"
    async with serving(tmp_path / "state") as agent:
        socket = StateDir(agent.state_dir).control_socket
        await flame(socket, 1, out, Interruption(), kept=kept)
        await flame(socket, 0.2, out, Interruption(), kept=kept)  # the first one was removed
        assert (await agent.status())["agent_pid"]
    page = out.read_text()
    assert "<script" in page
    assert not re.findall(r"<(?:script|link|img)\b[^>]{0,300}?(?:src|href)=[\"']?(?:https?:)?//", page)
    assert not list(tmp_path.rglob("*.bin"))
