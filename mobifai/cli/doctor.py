"""`mobifai doctor`: check this installation, and say what to do about problems."""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mobifai.cli.control_client import run
from mobifai.cli.settings import state_dir_option
from mobifai.config import DEFAULT_PORT, EVERY_ADDRESS
from mobifai.errors import ConfigError
from mobifai.health.checks.check import CheckedInstallation, Severity
from mobifai.health.doctor import Finding, examine, is_well
from mobifai.protocol.plain_text import one_line
from mobifai.terminals.shells import shell_command, shell_environment

_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.PROBLEM: "bold red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--relay", envvar="MOBIFAI_RELAY", help="Also check the relay at this URL.")
@click.option(
    "--lan",
    is_flag=True,
    envvar="MOBIFAI_LAN",
    help="Check the port for a relay that listens on all addresses, as with `mobifai serve --lan`.",
)
@click.option("--host", envvar="MOBIFAI_HOST", help="Address on which the port is checked.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), envvar="MOBIFAI_PORT", default=DEFAULT_PORT, show_default=True,
    help="Port to check: that of the built-in relay.",
)  # fmt: skip
@click.option(
    "--shell", envvar="MOBIFAI_SHELL", help="Shell to check, as a new terminal would start it.  [default: your shell]"
)
@state_dir_option
def doctor(
    as_json: bool, relay: str | None, lan: bool, host: str | None, port: int, shell: str | None, state_dir: Path
) -> int:
    """Check for problems that keep MobiFai from working, and say how to fix them.

    Changes nothing. Connects only to this machine, and to the relay given with --relay. The exit status is 0 if there
    is no problem (warnings do not count), else 1.
    """
    argv = _shell(shell)
    environment = shell_environment(os.environ, argv[0])
    place = host or (EVERY_ADDRESS if lan else "127.0.0.1")
    findings = run(examine(CheckedInstallation(state_dir, argv, environment, place, port, relay)))
    _show(findings, as_json)
    return 0 if is_well(findings) else 1


def _shell(command: str | None) -> tuple[str, ...]:
    try:
        return shell_command(command)
    except ConfigError:
        with contextlib.suppress(ValueError):
            if words := shlex.split(command or ""):  # the check of the shell reports what is wrong with it
                return tuple(words)
        raise


def _show(findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        shown = {"ok": is_well(findings), "findings": [asdict(finding) for finding in findings]}
        click.echo(msgspec.json.encode(shown))
    elif sys.stdout.isatty():
        Console().print(_table(findings))
    else:
        click.echo("\n".join(_lines(findings)))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table("", "Check", "Found, and what to do", box=None, padding=(0, 2, 0, 0))
    for finding in findings:
        shown = Text(one_line(finding.found, 500))
        if finding.remedy:
            shown.append(f"\n{finding.remedy}", style="italic")
        table.add_row(Text(finding.state.value, style=_STYLES[finding.state]), Text(finding.name), shown)
    return table


def _lines(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for finding in findings:
        lines.append(f"{finding.state.value:<8} {finding.name:<17} {one_line(finding.found, 500)}")
        if finding.remedy:
            lines.append(f"{'':<26} -> {finding.remedy}")
    return lines
