"""The doctor: its findings in real installations, and its time limit."""

import asyncio
import os
import resource
import shutil
import socket
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from mobifai.bounds import Ledger
from mobifai.config import RelayConfig
from mobifai.control.server import control_server
from mobifai.errors import StateError
from mobifai.health.checks import machine, programs, relays, storage
from mobifai.health.checks.check import (
    CheckedInstallation,
    CheckFunction,
    CheckResult,
    DoctorCheck,
    Severity,
    in_thread,
    ok,
)
from mobifai.health.checks.shell import shell
from mobifai.health.doctor import CHECKS, Finding, examine, is_well
from mobifai.relay.server import Relay
from mobifai.state import StateDir, private_directory, write_secret
from tests.support.eventually import eventually


@pytest.fixture
def subject(tmp_path: Path) -> CheckedInstallation:
    private_directory(tmp_path / "state")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PS1": "$ "}
    return CheckedInstallation(tmp_path / "state", ("/bin/sh",), environment, "127.0.0.1", 0)


async def look(look: CheckFunction, subject: CheckedInstallation, seconds: float = 10) -> Finding:
    (finding,) = await examine(subject, [DoctorCheck("it", look, seconds)])
    assert bool(finding.remedy) is (finding.state is not Severity.OK), "what is not ok has a remedy"
    return finding


@asynccontextmanager
async def answering(subject: CheckedInstallation, relay_url: str) -> AsyncIterator[None]:
    """Run a control socket that answers with this status."""

    async def status(_: dict[str, object]) -> object:
        return {"agent_pid": 4711, "relay_url": relay_url}

    async with control_server(StateDir(subject.state_dir).control_socket, {"status": status}, Ledger()):
        yield


@asynccontextmanager
async def a_server(answer: Callable[[], web.Response]) -> AsyncIterator[str]:
    """Run a server on loopback that gives this answer to any request. Return its URL."""

    async def handle(_: web.BaseRequest) -> web.Response:
        return answer()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


# -- the doctor itself


async def test_a_fresh_installation_is_well(subject: CheckedInstallation) -> None:
    findings = await examine(subject)
    assert [finding.name for finding in findings] == [check.name for check in CHECKS]
    assert is_well(findings), [finding for finding in findings if finding.state is Severity.PROBLEM]


async def test_a_check_that_takes_too_long_is_a_problem_and_blocks_no_other(subject: CheckedInstallation) -> None:
    release = threading.Event()

    def hang(_: CheckedInstallation) -> CheckResult:
        release.wait()
        return ok("at last")

    hung = DoctorCheck("hung", in_thread(hang), 0.05)
    try:
        slow, quick = await examine(subject, [hung, DoctorCheck("quick", in_thread(lambda _: ok("fine")))])
    finally:
        release.set()
    assert (slow.state, slow.found) == (Severity.PROBLEM, "no result within 0.05 s")
    assert quick.found == "fine"
    assert not is_well([slow, quick])


@pytest.mark.parametrize(
    ("error", "found"),
    [(StateError("it is so"), "it is so"), (ZeroDivisionError("x"), "the check failed: ZeroDivisionError('x')")],
)
@pytest.mark.parametrize("threaded", [True, False])
async def test_a_check_that_fails_is_a_finding(
    subject: CheckedInstallation, error: Exception, found: str, threaded: bool
) -> None:
    def fail(_: CheckedInstallation) -> CheckResult:
        raise error

    async def fail_immediately(subject: CheckedInstallation) -> CheckResult:
        return fail(subject)

    finding = await look(in_thread(fail) if threaded else fail_immediately, subject)
    assert (finding.state, finding.found) == (Severity.PROBLEM, found)


# -- programs


async def test_versions_are_reported(subject: CheckedInstallation) -> None:
    found = (await look(in_thread(programs.versions), subject)).found
    for part in ("MobiFai", f"Python {sys.version_info.major}.", "aiortc", "uvloop"):
        assert part in found


async def test_a_page_that_was_left_out_is_reported(subject: CheckedInstallation, tmp_path: Path) -> None:
    finding = await look(in_thread(lambda about: programs.phone_page(about, tmp_path)), subject)
    assert (finding.state, "built without the phone page" in finding.found) == (Severity.WARNING, True)
    (tmp_path / "relay" / "static" / "page").mkdir(parents=True)
    (tmp_path / "relay" / "static" / "page" / "index.html").touch()
    assert programs.phone_page(subject, tmp_path).state is Severity.OK


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "loading broken crashes (SIGSEGV)"),
        ("raise ImportError('libfoo.so: wrong ELF class')", "can't be loaded: ImportError: libfoo.so: wrong ELF class"),
    ],
)
async def test_a_library_that_crashes_is_found_and_survived(
    subject: CheckedInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: str
) -> None:
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = await look(programs.natives(("json", "broken", "os")), subject, 60)
    assert finding.state is Severity.PROBLEM
    assert found in finding.found
    assert "broken" in finding.remedy


async def test_a_library_that_hangs_leaves_no_process(
    subject: CheckedInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("import time; time.sleep(1000)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "no result" in (await look(programs.natives(("broken",)), subject, 0.5)).found


# -- the shell


def with_shell(subject: CheckedInstallation, *argv: str) -> CheckedInstallation:
    return replace(subject, **{"shell": argv})


@pytest.mark.parametrize("name", ["sh", "bash", "zsh", "fish", "dash", "tcsh"])
async def test_a_shell_that_works_answers(subject: CheckedInstallation, name: str) -> None:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    finding = await look(shell, with_shell(subject, found), 15)
    assert (finding.state, "responds after" in finding.found) == (Severity.OK, True)


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (("no-such-shell",), "no-such-shell is not an executable program"),
        (("/bin/sh", "-c", "echo bad start file; exit 7"), "/bin/sh exited with status 7: 'bad start file'"),
        (("/bin/sh", "-c", "exec sleep 1000"), "no result within 2 s"),
        (("/bin/sh", "-c", 'trap "" HUP TERM INT; while :; do sleep 98765; done'), "no result within 2 s"),
    ],
)
async def test_a_shell_that_does_not_work_is_a_problem(
    subject: CheckedInstallation, argv: tuple[str, ...], found: str
) -> None:
    finding = await look(shell, with_shell(subject, *argv), 2)
    assert (finding.state, finding.found) == (Severity.PROBLEM, found)
    await eventually(lambda: not sleepers())  # another test process may have some at this moment


def sleepers() -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "98765"]]


async def test_a_shell_that_floods_is_understood_all_the_same(subject: CheckedInstallation) -> None:
    flood = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; exec sh"
    floods = with_shell(subject, "/bin/sh", "-c", flood)
    assert (await look(shell, floods, 15)).state is Severity.OK


# -- the machine


@contextmanager
def descriptors_limited_to(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("soft", "state"),
    [(127, Severity.PROBLEM), (128, Severity.WARNING), (447, Severity.WARNING), (448, Severity.OK), (449, Severity.OK)],
)
async def test_too_few_descriptors_are_found(subject: CheckedInstallation, soft: int, state: Severity) -> None:
    with descriptors_limited_to(soft):
        finding = await look(in_thread(machine.descriptors), subject)
    assert finding.state is state
    assert str(soft) in finding.found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these files are Linux's")
@pytest.mark.parametrize(("used", "state"), [(35, Severity.OK), (36, Severity.OK), (37, Severity.WARNING)])
async def test_too_few_terminals_are_found(
    subject: CheckedInstallation, tmp_path: Path, used: int, state: Severity
) -> None:
    place = tmp_path / "proc/sys/kernel/pty"
    place.mkdir(parents=True)
    (place / "max").write_text("100\n")
    (place / "nr").write_text(f"{used}\n")
    finding = await look(in_thread(machine.terminals), replace(subject, proc=tmp_path / "proc"))
    assert (finding.state, finding.found.startswith(f"{100 - used} of 100 pseudo-terminals are free")) == (state, True)


async def test_an_unknown_number_of_terminals_is_no_problem(subject: CheckedInstallation, tmp_path: Path) -> None:
    assert (await look(in_thread(machine.terminals), replace(subject, proc=tmp_path))).state is Severity.OK


async def test_a_port_is_free_ours_or_another_programs(subject: CheckedInstallation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        number = other.getsockname()[1]
        at = replace(subject, port=number)
        assert (await look(machine.port, at)).state is Severity.PROBLEM
        async with answering(subject, "http://192.0.2.1:1"):
            finding = await look(machine.port, at)
            assert (finding.state, f"{number} is in use by another program" in finding.found) == (
                Severity.PROBLEM,
                True,
            )
        async with answering(subject, f"http://192.0.2.1:{number}"):
            assert (await look(machine.port, at)).found == f"port {number} is in use by the running agent"
    assert (await look(machine.port, at)).found == f"127.0.0.1:{number} is free"


@pytest.mark.parametrize(
    ("changes", "state", "found"),
    [
        ({"port": 0}, Severity.OK, "any free port"),
        ({"port": 9, "relay_url": "https://relay.example"}, Severity.OK, "on another machine"),
        ({"port": 9, "host": "relay.example"}, Severity.OK, "was not checked"),
        ({"port": 9000, "host": "192.0.2.1"}, Severity.PROBLEM, "192.0.2.1:9000"),
    ],
)
async def test_other_ports_are_judged(
    subject: CheckedInstallation, changes: dict[str, object], state: Severity, found: str
) -> None:
    finding = await look(machine.port, replace(subject, **changes))  # type: ignore[arg-type]
    assert finding.state is state
    assert found in finding.found


async def test_datagrams_get_through(subject: CheckedInstallation) -> None:
    assert (await look(in_thread(machine.udp), subject)).state is not Severity.PROBLEM


@pytest.mark.parametrize(
    ("now", "state"),
    [(0.0, Severity.PROBLEM), (1_735_689_599.0, Severity.PROBLEM), (1_735_689_600.0, Severity.WARNING)],
)
async def test_a_clock_that_went_back_is_found(subject: CheckedInstallation, now: float, state: Severity) -> None:
    assert (await look(in_thread(machine.clock), replace(subject, now=lambda: now))).state is state


# -- the state directory


async def test_a_file_that_others_can_read_is_a_problem(subject: CheckedInstallation) -> None:
    secret = subject.state_dir / "tokens.json"
    write_secret(secret, b"{}")
    assert (await look(in_thread(storage.state_directory), subject)).state is Severity.OK
    secret.chmod(0o640)
    finding = await look(in_thread(storage.state_directory), subject)
    assert (finding.state, "tokens.json" in finding.found) == (Severity.PROBLEM, True)
    assert finding.remedy == f"run `chmod -R go-rwx {subject.state_dir}`"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_directory_that_can_not_be_written_is_a_problem(subject: CheckedInstallation) -> None:
    subject.state_dir.chmod(0o500)
    for place in (subject.state_dir, subject.state_dir / "new"):
        finding = await look(in_thread(storage.state_directory), replace(subject, state_dir=place))
        assert finding.state is Severity.PROBLEM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_a_file_of_another_user_is_a_problem(subject: CheckedInstallation) -> None:
    (subject.state_dir / "device.json").touch(0o600)
    os.chown(subject.state_dir / "device.json", 65534, -1)
    finding = await look(in_thread(storage.state_directory), subject)
    assert finding.found == "other users own device.json"


async def test_a_directory_that_is_none_is_a_problem_and_one_to_come_is_not(
    subject: CheckedInstallation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert (await look(in_thread(storage.state_directory), replace(subject, state_dir=tmp_path / "file"))).state is (
        Severity.PROBLEM
    )
    coming = replace(subject, state_dir=tmp_path / "a/b")
    assert "the first start creates it" in (await look(in_thread(storage.state_directory), coming)).found
    assert not (tmp_path / "a").exists()


async def test_a_path_that_is_too_long_for_a_socket_is_reported(
    subject: CheckedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "at most 100" in (await look(in_thread(storage.control_socket), subject)).found
    deep = replace(subject, state_dir=subject.state_dir / ("x" * 100))
    assert "path in the state directory is too long" in (await look(in_thread(storage.control_socket), deep)).found
    monkeypatch.setattr("tempfile.tempdir", "/tmp/" + "y" * 100)
    assert (await look(in_thread(storage.control_socket), deep)).state is Severity.PROBLEM


async def test_room_on_the_disk_is_reported(subject: CheckedInstallation, monkeypatch: pytest.MonkeyPatch) -> None:
    found = os.statvfs(subject.state_dir)
    for free, state in ((storage.NEEDED_BYTES - 1, Severity.PROBLEM), (storage.NEEDED_BYTES, Severity.WARNING),
                        (storage.WANTED_BYTES - 1, Severity.WARNING), (storage.WANTED_BYTES, Severity.OK)):  # fmt: skip
        values = [*found]
        values[0:5] = [1, 1, free, free, free]
        monkeypatch.setattr(os, "statvfs", lambda _, values=tuple(values): os.statvfs_result(values))
        assert (await look(in_thread(storage.disk), subject)).state is state
        assert (
            await look(in_thread(storage.disk), replace(subject, state_dir=subject.state_dir / "a/b"))
        ).state is state


async def test_a_damaged_database_is_found_and_left_as_it_is(subject: CheckedInstallation) -> None:
    assert (await look(in_thread(storage.databases), subject)).found == "none yet"
    file = subject.state_dir / "tabs.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
        db.commit()
        assert (await look(in_thread(storage.databases), subject)).found == "1 intact"
    whole = file.read_bytes()
    damaged = whole[:4096] + b"\xff" * 4096 + whole[8192:]
    file.write_bytes(damaged)
    finding = await look(in_thread(storage.databases), subject)
    assert (finding.state, finding.found.startswith("tabs.sqlite: ")) == (Severity.PROBLEM, True)
    assert file.read_bytes() == damaged
    file.write_bytes(b"no database at all, but long enough to be one" * 100)
    assert (await look(in_thread(storage.databases), subject)).state is Severity.PROBLEM
    file.rename(file.with_name("tabs.sqlite.kept-1"))
    assert (await look(in_thread(storage.databases), subject)).state is Severity.WARNING


async def test_a_database_in_use_is_no_problem(subject: CheckedInstallation) -> None:
    with closing(sqlite3.connect(subject.state_dir / "tabs.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (x)")
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t VALUES (1)")
        assert (await look(in_thread(storage.databases), subject)).state is Severity.OK


# -- the agent and the relays


async def test_no_agent_is_no_problem_nor_is_the_socket_of_a_killed_one(subject: CheckedInstallation) -> None:
    assert "no agent is running" in (await look(relays.agent, subject)).found
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(StateDir(subject.state_dir).control_socket))
    assert "no agent is running" in (await look(relays.agent, subject)).found


async def test_an_agent_that_does_not_answer_is_a_problem(subject: CheckedInstallation) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(StateDir(subject.state_dir).control_socket))
        deaf.listen()
        assert "no result within 0.2 s" in (await look(relays.agent, subject, 0.2)).found


async def test_the_own_relay_is_asked_on_loopback(subject: CheckedInstallation) -> None:
    async with Relay.open(RelayConfig(port=0), subject.state_dir, Ledger()) as running:
        async with answering(subject, f"http://127.0.0.1:{running.port}"):
            finding = await look(relays.agent, subject)
    assert (finding.state, "process 4711 responds; its relay: " in finding.found) == (Severity.OK, True)


async def test_an_own_relay_that_is_gone_is_a_problem(subject: CheckedInstallation) -> None:
    async with a_server(web.Response) as url:
        pass
    async with answering(subject, url):
        assert (await look(relays.agent, subject)).state is Severity.PROBLEM


@pytest.mark.parametrize("url", ["https://relay.example", "http://192.0.2.1:80", ""])
async def test_a_relay_elsewhere_is_not_asked_unless_it_is_named(subject: CheckedInstallation, url: str) -> None:
    async with answering(subject, url):
        finding = await look(relays.agent, subject)
    assert (finding.state, "was not checked" in finding.found) == (Severity.OK, True)


@pytest.mark.parametrize(
    ("ahead", "state", "found"),
    [(0, Severity.OK, "differ by"), (3600, Severity.WARNING, "behind"), (-3600, Severity.WARNING, "ahead of")],
)
async def test_a_named_relay_is_asked_and_its_clock_compared(
    subject: CheckedInstallation, tmp_path: Path, ahead: float, state: Severity, found: str
) -> None:
    private_directory(tmp_path / "relay")
    async with Relay.open(RelayConfig(port=0), tmp_path / "relay", Ledger()) as running:
        url = f"http://127.0.0.1:{running.port}/"
        finding = await look(relays.relay, replace(subject, relay_url=url, now=lambda: subject.now() + ahead))
    assert finding.state is state
    assert found in finding.found


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (lambda: web.Response(status=404), "responds with status 404, but not like a relay"),
        (lambda: web.Response(text="<html>"), "responds with status 200, but not like a relay"),
        (lambda: web.json_response({"status": "ok"}), "responds with status 200, but not like a relay"),
        (
            lambda: web.json_response({"status": "ok", "timestamp": "soon"}),
            "responds with status 200, but not like a relay",
        ),
        (lambda: web.json_response(["x" * 100_000]), "responds with status 200, but not like a relay"),
        (lambda: web.Response(status=302, headers={"Location": "http://192.0.2.1/"}), "responds with status 302"),
    ],
)
async def test_a_server_that_is_no_relay_is_a_problem(
    subject: CheckedInstallation, response: Callable[[], web.Response], found: str
) -> None:
    async with a_server(response) as url:
        finding = await look(relays.relay, replace(subject, relay_url=url))
    assert finding.state is Severity.PROBLEM
    assert found in finding.found


async def test_a_relay_that_is_not_there_is_a_problem_and_shows_no_password(subject: CheckedInstallation) -> None:
    async with a_server(web.Response) as url:
        pass
    for wrong in (url.replace("//", "//ann:secret@"), "relay.example", "http://", "http://:0", "http://[::1"):
        finding = await look(relays.relay, replace(subject, relay_url=wrong))
        assert finding.state is Severity.PROBLEM
        assert "secret" not in finding.found


async def test_a_relay_that_never_answers_is_given_up(subject: CheckedInstallation) -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert "no result within 0.3 s" in (await look(relays.relay, replace(subject, relay_url=url), 0.3)).found
    for writer in held:
        writer.close()
