"""`mobifai service`, as a command: options, the system's programs, the running agent, the log."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import mobifai
from mobifai.bounds import Ledger
from mobifai.control.server import control_server
from mobifai.logs.rotating_file import log_path
from mobifai.logs.tail import follow, last_lines
from mobifai.service.systemd import argv_of
from mobifai.state import StateDir
from tests.service.managers import LOGINCTL, SYSTEMCTL, FakePath

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-ins here are those of Linux")


@dataclass
class Home:
    """An empty home directory, and a fake systemd."""

    place: Path
    fake: FakePath

    @property
    def unit(self) -> Path:
        return self.place / ".config/systemd/user/mobifai.service"

    @property
    def environment(self) -> dict[str, str]:
        root = Path(mobifai.__file__).parents[1]
        return {"HOME": str(self.place), "PATH": str(self.fake.place), "PYTHONPATH": str(root)}

    async def start(self, *words: str, **environment: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "mobifai", *words),
            env=self.environment | environment,
            cwd=self.place,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )

    async def run(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Run `mobifai WORDS`. Return status, output and errors."""
        process = await self.start(*words, **environment)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    fake = FakePath(tmp_path / "bin")
    fake.add("systemctl", SYSTEMCTL)
    fake.add("loginctl", LOGINCTL)
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home", fake)


@asynccontextmanager
async def an_agent_that_answers(state_dir: Path) -> AsyncIterator[None]:
    async def status(_: dict[str, object]) -> object:
        return {"agent_pid": 4711}

    async with control_server(StateDir(state_dir).control_socket, {"status": status}, Ledger()):
        yield


@linux
async def test_a_service_is_installed_seen_and_removed(home: Home) -> None:
    async with an_agent_that_answers(home.place / "state"):
        status, out, err = await home.run("service", "install", "--", "--lan", "--state-dir", "state")
        assert (status, err) == (0, "")
        assert "MobiFai runs as a service" in out and "enable-linger" in out
        status, out, _ = await home.run("service", "status", "--json")
        seen = json.loads(out)
        assert (status, seen["running"], seen["enabled"], seen["agent_pid"]) == (0, True, True, 4711)
        assert seen["argv"][-2:] == ["--lan", f"--state-dir={home.place}/state"]
        status, out, _ = await home.run("service", "status")
        assert "runs: active (running)" in out and "answers, process 4711" in out
    assert (await home.run("service", "uninstall"))[0] == 0
    assert not home.fake.running and not home.unit.exists()
    assert (await home.run("service", "uninstall"))[1] == "MobiFai is not installed as a service.\n"
    assert (await home.run("service", "status"))[0] == 1


@linux
async def test_a_service_that_does_not_answer_is_a_failure_that_says_where_to_look(home: Home) -> None:
    status, _, err = await home.run("service", "install", "--wait", "0.01")
    assert status == 1
    assert "did not answer" in err and "mobifai service logs" in err


@linux
async def test_the_options_become_absolute_and_complete(home: Home) -> None:
    options = [
        "--port",
        "9000",
        "--ready-file=r.json",
        "--allow-host",
        "a",
        "--allow-host",
        "b",
        "--shell",
        "/bin/sh -l",
    ]
    (home.place / "c.toml").write_text("")
    status, out, err = await home.run("--config", "c.toml", "service", "install", "--print", "--", *options)
    assert (status, err) == (0, "")
    assert not home.unit.exists() and home.fake.calls("systemctl") == []
    _, *argv = argv_of(out)
    assert argv == [
        *("-P", "-m", "mobifai", "--config", f"{home.place}/c.toml", "serve", "--port=9000"),
        *(f"--ready-file={home.place}/r.json", "--allow-host=a", "--allow-host=b", "--shell=/bin/sh -l"),
        f"--state-dir={home.place}/.local/state/mobifai",
    ]


@linux
async def test_the_state_directory_of_the_settings_file_is_that_of_the_service(home: Home) -> None:
    (home.place / "c.toml").write_text(f'state_dir = "{home.place}/other"\n')
    status, out, err = await home.run("--config", "c.toml", "service", "install", "--print")
    assert (status, err) == (0, "")
    assert argv_of(out)[-1] == f"--state-dir={home.place}/other"
    _, out, _ = await home.run("--config", "c.toml", "service", "install", "--print", "--", "--state-dir", "mine")
    assert argv_of(out)[-1] == f"--state-dir={home.place}/mine"


@linux
async def test_a_service_finds_the_default_settings_file_too(home: Home) -> None:
    settings = home.place / "settings"
    (settings / "mobifai").mkdir(parents=True)
    (settings / "mobifai" / "config.toml").write_text(f'state_dir = "{home.place}/other"\n')
    _, out, _ = await home.run("service", "install", "--print", XDG_CONFIG_HOME=str(settings))
    assert f"Environment=XDG_CONFIG_HOME={settings}" in out
    assert argv_of(out)[-1] == f"--state-dir={home.place}/other"


@linux
async def test_options_without_the_dashes_before_them_will_do(home: Home) -> None:
    _, out, _ = await home.run("service", "install", "--print", "--lan", "--port=9")
    assert argv_of(out)[4:-1] == ("serve", "--lan", "--port=9")


@linux
async def test_the_state_directory_of_the_environment_is_kept_and_other_variables_are_not(home: Home) -> None:
    own = {"MOBIFAI_STATE_DIR": "/tmp/somewhere", "MOBIFAI_PORT": "9000"}
    status, _, err = await home.run("service", "install", "--wait", "0", **own)
    assert (status, err) == (0, "Ignored these variables, since the service has its own environment: MOBIFAI_PORT.\n")
    assert argv_of(home.unit.read_text())[4:] == ("serve", "--state-dir=/tmp/somewhere")
    assert "MOBIFAI_PORT" not in home.unit.read_text()


@linux
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--prot", "9000"], "No such option"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--log-level", "loud"], "'loud' is not one of"),
        (["extra"], "unexpected extra argument (extra)"),
    ],
)
async def test_a_wrong_option_is_refused_before_anything_is_written(
    home: Home, options: list[str], complaint: str
) -> None:
    status, _, err = await home.run("service", "install", "--", *options)
    assert status == 2
    assert complaint in err
    assert not home.unit.exists() and home.fake.calls("systemctl") == []


@linux
async def test_the_written_command_can_be_run_from_anywhere(home: Home) -> None:
    _, out, _ = await home.run("service", "install", "--print", "--", "--lan")
    (home.place / "mobifai.py").write_text("raise SystemExit('the wrong mobifai')")
    process = await asyncio.create_subprocess_exec(
        *argv_of(out), "--help", cwd=home.place, env=home.environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert (process.returncode, b"--lan" in output) == (0, True)


@linux
async def test_without_systemd_it_says_what_to_do_instead(home: Home) -> None:
    status, _, err = await home.run("service", "install", PATH=str(home.place))
    assert status == 1
    assert "In a container" in err and "mobifai serve" in err
    assert "Traceback" not in err


# -- the log


def write_log(state_dir: Path, *files: str) -> Path:
    """Write log files, the newest first."""
    path = log_path(state_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(files):
        path.with_name(f"{path.name}.{number}" if number else path.name).write_text(text)
    return path


async def test_the_last_lines_are_shown_also_from_older_files(home: Home) -> None:
    write_log(home.place / "state", "5\n6\n", "3\n4\n", "1\n2\n")
    for count, shown in (("0", ""), ("1", "6\n"), ("3", "4\n5\n6\n"), ("50", "1\n2\n3\n4\n5\n6\n")):
        status, out, _ = await home.run("service", "logs", "-n", count, "--state-dir", "state")
        assert (status, out) == (0, shown)


@linux
async def test_the_log_shown_is_that_of_the_service(home: Home) -> None:
    write_log(home.place / "elsewhere", "of the service\n")
    await home.run("service", "install", "--wait", "0", "--", "--state-dir", "elsewhere")
    assert (await home.run("service", "logs"))[1] == "of the service\n"


async def test_without_a_log_it_says_so(home: Home) -> None:
    status, _, err = await home.run("service", "logs", "--state-dir", "state")
    assert status == 1
    assert "expected a log at" in err


async def test_following_shows_what_comes_and_ends_with_ctrl_c(home: Home) -> None:
    path = write_log(home.place / "state", "one\n")
    process = await home.start("service", "logs", "-f", "--state-dir", "state")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"one\n"
        with path.open("a") as log:
            log.write("two\n")
        assert await process.stdout.readline() == b"two\n"
        path.rename(path.with_name("mobifai.log.1"))
        path.write_text("three\n")
        assert await process.stdout.readline() == b"three\n"
        process.send_signal(2)
        _, err = await process.communicate()
    assert (process.returncode, b"Traceback" in err) == (130, False)


def test_no_line_is_missed_when_the_file_changes_at_the_worst_time(tmp_path: Path) -> None:
    path = write_log(tmp_path, "before\n")

    def write(text: str) -> None:
        with path.open("a") as log:
            log.write(text)

    def rotate() -> None:
        write("two\n")
        path.rename(f"{path}.1")
        write("three\n")

    steps = iter([lambda: write("one\n"), rotate, path.unlink, lambda: write("four\n")])
    news = follow(path, path.stat(), lambda _: next(steps)())
    assert [next(news) for _ in range(4)] == ["one\n", "two\n", "three\n", "four\n"]
    news.close()


def test_lines_of_no_known_encoding_are_shown(tmp_path: Path) -> None:
    path = write_log(tmp_path, "")
    path.write_bytes(b"\xff one\n")
    assert last_lines(path, 9) == ["\N{REPLACEMENT CHARACTER} one\n"]


@linux
async def test_a_service_gets_the_locale_that_the_person_has_set_and_not_the_one_of_python(home: Home) -> None:
    for given, kept in (({}, ""), ({"LC_CTYPE": "C.UTF-8"}, "Environment=LC_CTYPE=C.UTF-8"), ({"LANG": "C"}, "LANG=C")):
        status, out, err = await home.run("service", "install", "--print", **given)
        assert status == 0, err
        assert kept in out
        assert ("LC_CTYPE" in out) is ("LC_CTYPE" in given)
