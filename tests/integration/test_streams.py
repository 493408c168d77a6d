"""Standard streams that the parent has closed, or that accept nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.support.agent import mobifai, serving

CLOSED = {"input": "<&-", "output": ">&-", "errors": "2>&-", "all": "<&- >&- 2>&-"}


@pytest.mark.parametrize("which", CLOSED)
async def test_the_agent_serves_with_closed_streams(tmp_path: Path, which: str) -> None:
    inside = ("/bin/sh", "-c", f'exec "$0" "$@" {CLOSED[which]}')
    async with serving(tmp_path / "state", inside=inside) as agent:
        status = await agent.status()
        descriptors = Path(f"/proc/{status['agent_pid']}/fd")
        if descriptors.exists():
            assert not any(str((descriptors / str(number)).readlink()).startswith("socket:") for number in range(3))
        assert await agent.stop() == 0


@pytest.mark.parametrize("redirection", [*CLOSED.values(), ">/dev/full", ">/dev/full 2>&-"])
@pytest.mark.parametrize("words", ["--version", "--help", "status", "doctor", "devices list", "relay account list"])
async def test_a_command_ends_with_a_sentence_whatever_its_streams_are(
    tmp_path: Path, words: str, redirection: str
) -> None:
    state = [] if words.startswith("--") else ["--state-dir", str(tmp_path / "state")]
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'"$0" "$@" {redirection}', *mobifai(), *words.split(), *state),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode in (0, 1), errors
    assert b"Traceback" not in errors
    assert b"internal error" not in errors
    if redirection == ">/dev/full" and words in ("--version", "doctor"):
        assert process.returncode == 1
        assert b"No space left on device" in errors
