"""`mobifai doctor`, as a command: its forms and its exit status."""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.support.agent import mobifai, run_command

NAMES = ["versions", "native libraries", "phone page", "shell", "descriptors", "terminals", "port", "udp", "clock"]


async def test_json_tells_each_finding_with_its_remedy(tmp_path: Path) -> None:
    words = ("--json", "--shell", "/bin/sh", "--port", "0", "--state-dir", str(tmp_path / "state"))
    status, out, err = await run_command("doctor", *words)
    report = json.loads(out)
    assert (status, report["ok"], err) == (0, True, "")
    assert [finding["name"] for finding in report["findings"]][: len(NAMES)] == NAMES
    assert all(set(finding) == {"name", "state", "found", "remedy"} for finding in report["findings"])


async def test_a_problem_is_the_exit_status_and_has_a_remedy_in_plain_text(tmp_path: Path) -> None:
    words = ("--shell", "no-such-shell", "--port", "0", "--state-dir", str(tmp_path / "state"))
    status, out, _ = await run_command("doctor", *words)
    assert status == 1
    lines = out.splitlines()
    at = lines.index("problem  shell             no-such-shell is not an executable program")
    assert lines[at + 1].strip() == "-> choose another with --shell, or set SHELL"
    assert "\x1b" not in out


async def test_on_a_terminal_it_is_a_table(tmp_path: Path) -> None:
    master, slave = os.openpty()
    try:
        words = ("doctor", "--shell", "[bold]", "--port", "0", "--state-dir", str(tmp_path))
        environ = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
        process = await asyncio.create_subprocess_exec(
            *mobifai(), *words, stdout=slave, stderr=slave, env={**environ, "TERM": "xterm-256color"}
        )
        os.close(slave)
        async with asyncio.timeout(60):
            status = await process.wait()
        shown = os.read(master, 1 << 16).decode()
    finally:
        os.close(master)
    assert status == 1
    assert "Found, and what to do" in shown
    assert "\x1b[32mok" in shown
    assert "[bold] is not an executable program" in shown


async def test_a_wrong_shell_option_is_said(tmp_path: Path) -> None:
    status, _, err = await run_command("doctor", "--shell", "'", "--state-dir", str(tmp_path))
    assert (status, "No closing quotation" in err) == (1, True)
    assert sys.executable not in err
