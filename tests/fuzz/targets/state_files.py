"""State files: an agent starts with a state directory in which one file was changed."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from mobifai.control.client import send_request
from mobifai.state import StateDir
from tests.fuzz.oracle import Fault
from tests.fuzz.target import Target
from tests.support.agent import STOP_SECONDS, mobifai, serving

START_SECONDS = 30.0

_SETTINGS = b'# settings\nlimits."terminal.ring" = 200000\n[assistant]\napprovals = "risky"\nmodel = "m"\n'


class StateFiles(Target):
    """Files as after a crash, a full disk or an edit: the agent starts, or prints the reason why not."""

    name = "state-files"
    boundary = "disk -> mobifai serve: state files, at its start"
    place = "none"
    weight = 1.5
    batch = 2

    async def open(self) -> None:
        self.model = self.folder / "model"
        if not self.model.exists():
            async with serving(self.model, "--shell", "/bin/sh") as agent:
                await send_request(StateDir(self.model).control_socket, "pair")
                await agent.stop()
            (self.model / "config.toml").write_bytes(_SETTINGS)
            (self.model / "tokens.json").write_bytes(b'{"http://relay.example":"token"}')
            (self.model / "phones.json").write_bytes(_phones(self.model))
        self.files = sorted(file.name for file in self.model.iterdir() if file.is_file() and file.name != "lock")

    def make(self) -> bytes:
        """A file's name and content."""
        name = self.random.choice(self.files)
        content = (self.model / name).read_bytes()
        changed = self.random.choice((b"", content[: len(content) // 2], bytes(4096), b"null", b"[" * 4000, None))
        if changed is None or self.random.random() < 0.8:
            changed = self.source.bytes_like([content])
        return name.encode() + b"\0" + changed

    async def deliver(self, batch: list[bytes]) -> int:
        for data in batch:
            await self._start(data)
        return len(batch)

    async def _start(self, data: bytes) -> None:
        name, _, content = data.partition(b"\0")
        state = self.folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(self.model, state, ignore=shutil.ignore_patterns("*.sock", "logs"))
        (state / name.decode()).write_bytes(content)
        log, ready = self.folder / "state.log", self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        config = ("--config", str(state / "config.toml"))
        words = (*config, "serve", "--state-dir", str(state), "--port", "0", "--no-keeper", "--ready-file", str(ready))
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *mobifai(), *words, "--shell", "/bin/sh", stdout=out, stderr=out
            )
        await self._end(process, ready, log)
        text = log.read_text(errors="replace")
        if "Traceback" in text or process.returncode not in (0, 1, 2):
            raise Fault("traceback", f"{name.decode()}: status {process.returncode}:\n{text[-3000:]}")
        if process.returncode != 0 and not text.strip():
            raise Fault("crash", f"{name.decode()}: the agent ended with {process.returncode} and without a word")

    async def _end(self, process: asyncio.subprocess.Process, ready: Path, log: Path) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None and not ready.exists():
                    await asyncio.sleep(0.02)
            with suppress(ProcessLookupError):
                process.terminate()
            async with asyncio.timeout(STOP_SECONDS * 2):
                await process.wait()
        except TimeoutError:
            raise Fault("stuck", f"the agent neither starts nor stops:\n{log.read_text()[-3000:]}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _phones(state: Path) -> bytes:
    """Return the file of pinned phones, with one phone if the agent has not written any."""
    with suppress(OSError):
        return (state / "phones.json").read_bytes()
    key = "ab" * 32
    phone = f'{{"device_id":"d-1","name":"n","key":"{key}","created":1.0,"last_used":1.0}}'
    return f'{{"phones":[{phone}],"revoked":[]}}'.encode()
