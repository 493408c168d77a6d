"""The agent as users run it: `mobifai serve` in a separate process.

Owns the process and its state directory's use; whatever happens, the process is gone at the end of the scope.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually

STOP_SECONDS = 5
"""The promised time between SIGTERM and the end."""


@dataclass
class RunningAgent:
    """A running `mobifai serve`."""

    process: asyncio.subprocess.Process
    state_dir: Path
    ready_file: Path
    log: Path
    ready: dict[str, Any] = field(default_factory=dict)
    """The first content of the ready file."""

    @property
    def relay_url(self) -> str:
        return str(self.ready["relay_url"])

    @property
    def device_id(self) -> str:
        return str(self.ready["device_id"])

    async def command(self, *words: str) -> str:
        """Run a command for this agent and return its output. Raises AssertionError if it fails."""
        status, out, err = await run_command(*words, "--state-dir", str(self.state_dir))
        assert status == 0, f"mobifai {' '.join(words)}: status {status}: {err}"
        return out

    async def invite(self) -> dict[str, Any]:
        """Create an invitation for a phone that encrypts."""
        return dict(json.loads(await self.command("pair", "--json")))

    async def invite_legacy(self) -> dict[str, Any]:
        """Create an invitation for a legacy app."""
        return dict(json.loads(await self.command("pair", "--legacy", "--json")))

    async def status(self) -> dict[str, Any]:
        """Return the output of `mobifai status`."""
        return dict(json.loads(await self.command("status", "--json")))

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop the agent, wait until it ends within the promised time, and return its exit status."""
        self.process.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


async def run_command(
    *words: str, stdin: str | None = None, inside: tuple[str, ...] = (), cwd: Path | None = None
) -> tuple[int, str, str]:
    """Run `mobifai WORDS` and return its status, output and errors. `inside`: as for `serving`."""
    process = await asyncio.create_subprocess_exec(
        *inside,
        *mobifai(),
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode() if stdin is not None else None)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def mobifai() -> list[str]:
    """Return the path of the command that is installed beside this interpreter."""
    installed = Path(sys.executable).with_name("mobifai")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "mobifai"]


@asynccontextmanager
async def serving(
    state_dir: Path,
    *options: str,
    ready: bool = True,
    environment: dict[str, str] | None = None,
    inside: tuple[str, ...] = (),
    ready_file: Path | None = None,
    output: Path | None = None,
) -> AsyncIterator[RunningAgent]:
    """`mobifai serve` on any free port, once phones can pair (or, with `ready=False`, once it is started).

    `inside`: the words before the command that run it: in another network, or by nohup. Its log is beside the ready
    file.
    """
    ready_file = ready_file or state_dir.with_name(f"{state_dir.name}-ready.json")
    log = ready_file.with_name(f"{state_dir.name}.log")
    ready_file.unlink(missing_ok=True)
    port = () if {"--relay", "--port"} & set(options) else ("--port", "0")
    shell = () if "--shell" in options else ("--shell", "/bin/sh")
    words = ("serve", "--state-dir", str(state_dir), "--ready-file", str(ready_file), *port, *shell, *options)
    log.touch()
    with (output or log).open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *inside,
            *mobifai(),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "PS1": "$ ", **(environment or {})},
            start_new_session=True,
        )
    agent = RunningAgent(process, state_dir, ready_file, log)
    try:
        if ready:
            await eventually(lambda: ready_file.exists() or process.returncode is not None, 30)
            assert ready_file.exists(), f"the agent did not get ready: {log.read_text()}"
            agent.ready = json.loads(ready_file.read_text())
        yield agent
    except BaseException:
        sys.stderr.write(f"--- the agent's log\n{log.read_text(errors='replace')[-8000:]}\n")
        raise
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS * 2):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
