"""Handlers of other packages: found at the first request, imported once, and not before."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from mobifai.bounds import Ledger
from mobifai.control.client import send_request
from mobifai.control.debug_plugins import ENTRY_POINTS, DebugPlugins, PluginContext
from mobifai.control.server import ControlHandler, control_server
from mobifai.errors import StateError

LOADED: list[PluginContext] = []


def offered(subject: PluginContext) -> Mapping[str, ControlHandler]:
    """A package's entry point: called once for a running process."""
    LOADED.append(subject)

    async def hello(arguments: dict[str, Any]) -> object:
        return {"hello": arguments.get("name")}

    return {"test.hello": hello}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> DebugPlugins:
    """DebugPlugins of a process, with packages that this module offers."""
    points = EntryPoints([EntryPoint("test", f"{__name__}:offered", ENTRY_POINTS)])
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(importlib.metadata, "entry_points", points.select)
    LOADED.clear()
    return DebugPlugins(PluginContext(Ledger()))


async def test_a_question_is_answered_by_the_package_that_its_first_word_names(found: DebugPlugins) -> None:
    handler = found.find("test.hello")
    assert handler is not None
    assert await handler({"name": "you"}) == {"hello": "you"}  # type: ignore[misc]


def test_a_package_is_loaded_with_its_first_question_and_only_once(found: DebugPlugins) -> None:
    assert LOADED == []
    found.find("test.hello")
    found.find("test.hello")
    found.find("test.nothing")
    assert [found.context] == LOADED


@pytest.mark.parametrize("question", ["", "status", "hello", ".", "test.", "test.nothing", "nobody.hello", ".hello"])
def test_a_request_without_a_plug_in_is_not_found(found: DebugPlugins, question: str) -> None:
    assert found.find(question) is None


def test_requests_without_a_plug_in_are_not_stored(found: DebugPlugins) -> None:
    for number in range(100):
        found.find(f"nobody{number}.hello")
    assert len(found._loaded) == 0


async def test_an_unknown_request_is_refused_over_the_socket_and_the_process_continues(
    found: DebugPlugins, tmp_path: Path
) -> None:
    socket = tmp_path / "private" / "control.sock"
    async with control_server(socket, {}, Ledger(), found.find):
        with pytest.raises(StateError, match="does not know the request 'nobody.hello'"):
            await send_request(socket, "nobody.hello")
        assert await send_request(socket, "test.hello", {"name": "you"}) == {"hello": "you"}


def test_an_agent_loads_nothing_of_the_proof_until_it_is_asked() -> None:
    code = (
        "import sys\nimport mobifai.cli.serve, mobifai.cli.relay\nfrom mobifai.bounds import Ledger\n"
        "from mobifai.control.debug_plugins import DebugPlugins, PluginContext\n"
        "plugins = DebugPlugins(PluginContext(Ledger()))\nplugins.find('status')\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('soak', 'profiles')]\n"
        "assert plugins.find('soak.sample') is not None\nassert 'soak.inside.control_handlers' in sys.modules\n"
        "assert 'memray' not in sys.modules\nassert not [n for n in sys.modules if n.startswith('soak.plants')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_package_that_can_not_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("broken", "no_such_module_at_all:offered", ENTRY_POINTS)])
    monkeypatch.setattr(importlib.metadata, "entry_points", points.select)
    with pytest.raises(StateError, match=r"broken.* can't be loaded.*reinstall the package"):
        DebugPlugins(PluginContext(Ledger())).find("broken.hello")
