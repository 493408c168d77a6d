"""A process with too few resources names them and the remedy. With slightly more it serves."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mobifai.resource_limits import NEEDED_FILES, describe_shortage
from soak.phone.event_log import PhoneError
from tests.support.agent import run_command, serving
from tests.support.agent_status import answers, arrive
from tests.support.connected import connected_phone
from tests.support.eventually import eventually
from tests.support.sealed import sealed_by, sealed_phone

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not enforce all limits")


def limited(option: str) -> tuple[str, ...]:
    """Return the prefix of a command that runs it with a limit."""
    return ("bash", "-c", f'ulimit {option} && exec "$@"', "bash")


def as_user(user: int) -> tuple[str, ...]:
    """Return the prefix of a command that runs it as a user without other processes. Root has no such limit."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("another user takes root and setpriv")
    may_read_this_installation = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *may_read_this_installation)


@pytest.fixture
def place() -> Iterator[Path]:
    """Create a directory that every user can access."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


async def refusal(tmp_path: Path, *inside: str, command: str = "serve") -> str:
    """Return the only line of a command that does not start."""
    words = (command, "--state-dir", str(tmp_path / "state"), "--port", "0")
    status, out, error = await run_command(*words, inside=inside)
    assert (status, out, error.count("\n")) == (1, "", 1), error
    return error


@pytest.mark.parametrize("most", [10, 12, 16, 20, 40])
async def test_too_few_open_files_are_named_with_the_remedy(tmp_path: Path, most: int) -> None:
    error = await refusal(tmp_path, *limited(f"-n {most}"))
    assert f"MobiFai needs {NEEDED_FILES}" in error
    assert f"(`ulimit -n`) is {most}; have the administrator raise the hard limit" in error


async def test_a_limit_that_the_user_may_raise_is_named_with_the_command(tmp_path: Path) -> None:
    assert "(`ulimit -n`) is 16; run `ulimit -n " in await refusal(tmp_path, *limited("-Sn 16"), command="relay")


async def test_a_limit_that_can_not_be_raised_far_enough_is_for_the_administrator(tmp_path: Path) -> None:
    assert "raise the hard limit" in await refusal(tmp_path, *limited("-Sn 16 && ulimit -Hn 40"))


@linux
@pytest.mark.parametrize("option", ["-v 30000", "-v 40000", "-v 100000", "-d 16000", "-d 60000"])
async def test_too_little_memory_is_named_with_the_remedy(tmp_path: Path, option: str) -> None:
    error = await refusal(tmp_path, *limited(option))
    assert f"not enough memory: `ulimit {option.replace(' ', '` is ')} kB" in error


@linux
async def test_no_process_for_the_agent_is_named_with_the_remedy(place: Path) -> None:
    error = await refusal(place, *as_user(60_001), *limited("-u 1"))
    assert "no process or thread can be started" in error
    assert "`ulimit -u` is 1" in error


@linux
async def test_no_process_for_a_terminal_is_named_with_the_remedy(place: Path) -> None:
    user = as_user(60_002)
    place.chmod(0o777)
    async with serving(place / "state", inside=(*user, *limited("-u 2"))) as agent:
        words = ("pair", "--json", "--state-dir", str(agent.state_dir))
        invitation = json.loads((await run_command(*words, inside=user))[1])
        async with sealed_phone(agent.relay_url, invitation["token"], sealed_by(invitation)) as phone:
            await arrive(phone, agent.device_id, channel=False)
            with pytest.raises(PhoneError, match=r"could not start a process for a terminal .*`ulimit -u`"):
                await phone.create()


@linux
@pytest.mark.parametrize("option", ["-n 60", "-v 524288", "-d 262144", "-s 128", "-l 0", "-i 0", "-c 0"])
async def test_a_phone_works_within_narrow_limits(tmp_path: Path, option: str) -> None:
    async with serving(tmp_path / "state", inside=limited(option)) as agent:
        async with connected_phone(agent, encrypted=True) as phone:
            terminals = [await phone.create() for _ in range(5)]
            await answers(phone, terminals[-1])


async def test_without_room_in_files_it_serves_and_names_the_limit(tmp_path: Path) -> None:
    output = tmp_path / "output"
    os.mkfifo(output)  # a file would be subject to the limit
    with os.fdopen(os.open(output, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        async with serving(tmp_path / "state", output=output, ready=False, inside=limited("-f 0")):
            printed: list[bytes] = []

            def is_ready() -> bool:
                printed.append(reader.read() or b"")
                return b"Ready at" in b"".join(printed)

            await eventually(is_ready, 20)
        assert b"(`ulimit -f`)" in b"".join(printed)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "limit of open files is too low"),
        (OSError(errno.ENFILE, "Too many open files in system"), "system-wide limit"),
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (ImportError("library.so: failed to map segment from shared object"), "not enough memory"),
        (RuntimeError("can't start new thread"), "no process or thread"),
        (ExceptionGroup("tasks", [ValueError(), OSError(errno.EMFILE, "")]), "limit of open files is too low"),
    ],
)
def test_what_the_system_lacks_is_named(error: Exception, words: str) -> None:
    assert words in str(describe_shortage(error))


def test_other_errors_are_no_shortage() -> None:
    assert describe_shortage(OSError(errno.EACCES, "")) is None
    assert describe_shortage(RuntimeError("another")) is None
