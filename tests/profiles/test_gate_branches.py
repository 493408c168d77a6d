"""The gate on prepared branches: its verdict is right, and it names the line."""

import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from profiles.gate.line_growth import lines_grown_at_rest
from profiles.gate.report_files import read_gate
from profiles.gate.results import GateReport
from profiles.gate.sides import lay_out_base
from tests.profiles.gate_branches import BRANCHES, CLEAN, LEAKS, ON_PURPOSE, Branch, check_out, git, repository

USUAL = (LEAKS[0], ON_PURPOSE[0], CLEAN[1])
"""One branch of each kind. `--every-branch` tests all of them, in about half an hour."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "branch" not in metafunc.fixturenames:
        return
    wanted = BRANCHES if metafunc.config.getoption("every_branch") else USUAL
    metafunc.parametrize("branch", wanted, ids=lambda branch: branch.name)


async def gated(checkout: Path, *words: str) -> tuple[int, GateReport]:
    """Run `mobifai profile gate` on the checkout, and return its result."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobifai", "profile", "gate", *words, "--report", str(checkout.with_name("report"))),
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "GITHUB_STEP_SUMMARY": str(checkout.with_name("page.md"))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert checkout.with_name("report").exists(), out.decode()
    return process.returncode or 0, read_gate(checkout.with_name("report"))


@pytest.mark.nightly
@pytest.mark.timeout(1200)
async def test_the_gate_is_right_on_a_branch_beside_main(tmp_path: Path, branch: Branch) -> None:
    checkout = repository(tmp_path / "checkout")
    check_out(checkout, branch)
    status, report = await gated(checkout, branch.scenario, "--base", "main")
    if not branch.leaks:
        assert (status, report.verdict, report.findings, report.grown) == (0, "passed", [], []), report
        assert bool(branch.accepted) == any(row.verdict == "accepted" for row in report.rows)
        return
    assert (status, report.verdict) == (1, "grown"), report
    assert branch.names in {finding.name for finding in report.findings}
    named = [Path(one.file).read_text().splitlines()[one.line - 1].strip() for one in report.culprits]
    assert any(branch.marked in line for line in named), (named, report.culprits)
    assert "| ✗ |" in (tmp_path / "page.md").read_text()


@pytest.mark.extended
@pytest.mark.timeout(300)
async def test_lines_that_have_more_at_rest_than_the_base_are_named(tmp_path: Path) -> None:
    checkout = repository(tmp_path / "checkout")
    for branch in ON_PURPOSE:
        check_out(checkout, branch)
        git(checkout, "checkout", "--quiet", "main")
    before, table, libraries = (
        lay_out_base(checkout, revision, tmp_path / revision)
        for revision in ("main", *(one.name for one in ON_PURPOSE))
    )
    with TemporaryDirectory(prefix="gate-", dir="/tmp") as short:  # sockets are in it
        (line,) = await lines_grown_at_rest(before, table, Path(short, "t"), imports=False)
        assert (line.file, line.text) == ("mobifai/agent/agent.py", "self._table = b'.' * 3_000_000")
        assert 3_000_000 <= line.more_bytes < 3_010_000
        for imports in (False, True):
            found = await lines_grown_at_rest(before, libraries, Path(short, f"l{imports}"), imports=imports)
            brought = {one.text.partition("  #")[0]: one.why for one in found}
            assert "pydoc_data.topics" in brought["import pydoc_data.topics"]
            assert "xmlrpc" in brought["import xmlrpc.server"]
