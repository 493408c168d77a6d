"""`mobifai status`: shows the state of the running agent, its keeper, or a relay."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from mobifai import __version__
from mobifai.bounds import Entry
from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option
from mobifai.cli.tables import print_table
from mobifai.errors import StateError
from mobifai.health.figure import Shown, labelled
from mobifai.health.status import AgentStatus, HealthCheck, PhoneStatus
from mobifai.protocol.messages import Exit
from mobifai.protocol.plain_text import one_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option(
    "--limits", is_flag=True, help="Show the use of every limit, and the memory in use if every limit were reached."
)
@click.option("--check", is_flag=True, help="Run a health check first.")
@state_dir_option
def status(as_json: bool, limits: bool, check: bool, state_dir: Path) -> None:
    """Show the running agent: live figures, the last health check, and the terminals."""
    if check:
        request_running(state_dir, "check")
    answer = request_running(state_dir, "status")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    elif limits and "bounds" in answer:
        print_table(limits_table(msgspec.convert(answer["bounds"], list[Entry])))
        click.echo(worst_case_text(answer["worst_case_bytes"]))
    else:
        click.echo(_text_of(answer))


def _text_of(answer: dict[str, Any]) -> str:
    if "relay_pid" in answer:
        return _relay_text(answer)
    return agent_text(_decode(answer)) if "version" in answer else _keeper_text(answer)


def _decode(answer: dict[str, Any]) -> AgentStatus:
    try:
        return msgspec.convert(answer, AgentStatus)
    except msgspec.ValidationError as error:
        version = one_line(str(answer["version"]))
        raise StateError(
            f"can't read the status of the running agent, version {version} ({error}); `mobifai restart` runs the "
            f"installed version, {__version__}; `mobifai status --json` prints what the agent answers"
        ) from None


def _keeper_text(answer: dict[str, Any]) -> str:
    """Format the keeper's answer to `status`, which the command requests if no agent answers."""
    process = f", process {answer['agent_pid']}" if answer["agent_pid"] else ""
    lines = [f"The agent does not serve phones: it is {answer['agent']}{process} (keeper {answer['keeper_pid']})"]
    if answer["problem"]:
        lines.append(f"Problem    {one_line(answer['problem'], 500)}")
    if answer["retry_in_s"] is not None:
        again = f"in {_duration(answer['retry_in_s'])}; `mobifai restart` tries now"
        lines.append(f"Next try   {again}, `mobifai doctor` looks for the cause")
    lines.append(f"Terminals  {len(answer['terminals'])}, kept running meanwhile")
    lines += [f"    {one_line(terminal['name'])}  ({terminal['uuid']})" for terminal in answer["terminals"]]
    return "\n".join(lines)


def _relay_text(answer: dict[str, Any]) -> str:
    connected = sum(device["connected"] for device in answer["devices"])
    lines = [
        f"MobiFai relay {answer['version']}, process {answer['relay_pid']}",
        f"Relay      {one_line(answer['relay_url'])}",
        *_problems(answer["problems"]),
        f"Devices    {len(answer['devices'])} in the account `owner`, {connected} connected",
        f"Accounts   {len(answer.get('accounts', ['owner']))}, see `mobifai relay account list`",
    ]
    return "\n".join(lines)


def _problems(problems: Iterable[str]) -> list[str]:
    return [f"Problem    {one_line(problem, 500)}" for problem in problems]


def agent_text(status: AgentStatus) -> str:
    """Format an agent's status as the text that `mobifai status` prints."""
    keeper = f" (keeper {status.keeper_pid})" if status.keeper_pid else ""
    lines = [
        f"MobiFai {status.version}, process {status.agent_pid}{keeper}, up for {_duration(status.uptime_s)}",
        f"Memory     {status.memory_bytes / 1e6:.0f} MB of {status.memory_limit_bytes / 1e6:.0f} MB",
        f"Relay      {one_line(status.relay_url)} ({status.relay})",
        *_phones(status.phones or (status,)),  # an older agent has no list of them
        *(f"{figure.label:<10} {_quantity(value, figure.unit)}" for figure, value in labelled(status, Shown.LINE)),
        f"Process    {status.descriptors} descriptors, {status.threads} threads, {status.tasks} tasks",
        f"Check      {_last_check(status.last_check)}",
        *_problems(status.problems),
        f"Terminals  {len(status.terminals)}, {status.buffer_bytes / 1000:.0f} KB of output kept",
    ]
    for terminal in status.terminals:
        mark, name = "*" if terminal.active else " ", one_line(terminal.name)
        lines.append(f"  {mark} {name}  ({terminal.uuid}){_exit(terminal.exited)}")
    return "\n".join(lines)


def _exit(exited: Exit | None) -> str:
    if exited is None:
        return ""
    return f", ended by {exited.signal}" if exited.signal else f", exited with status {exited.status}"


_PATHS = {"channel": "data channel"}


def _phones(phones: Iterable[PhoneStatus]) -> list[str]:
    connected = [
        f"{one_line(phone.phone or '')} over the {_PATHS.get(phone.path, phone.path)}, {_protection(phone)}"
        for phone in phones
        if phone.path
    ]
    return [f"Phone      {phone}" for phone in connected or ["none"]]


def _protection(phone: PhoneStatus) -> str:
    if phone.e2e:
        return "encrypted end to end"
    if phone.path == "relay":
        return "not encrypted end to end: the relay can read everything"
    return "not encrypted end to end: the relay could pose as the phone"


def _last_check(check: HealthCheck | None) -> str:
    if check is None:
        return "none yet"
    trip = check.relay_round_trip_s
    relay = "relay not connected" if trip is None else f"relay round trip {1000 * trip:.1f} ms"
    return f"at an uptime of {_duration(check.uptime_s)}: {check.memory_bytes / 1e6:.0f} MB, {relay}"


def limits_table(bounds: Iterable[Entry]) -> Table:
    """Build the table that `mobifai status --limits` prints: every limit and its use."""
    table = Table("Limit", "Used", "Peak", "Most", "Unit", "Evicted", "Refused", "When full", "Worst case", box=None)
    for name in ("Used", "Peak", "Most", "Evicted", "Refused", "Worst case"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for bound in bounds:
        table.add_row(
            bound.name,
            f"{bound.used:,}",
            f"{bound.peak:,}",
            f"{bound.capacity:,}",
            bound.unit,
            f"{bound.evicted:,}",
            f"{bound.refused:,}",
            bound.when_full,
            f"{bound.worst_case_bytes / 1000:,.0f} KB",
        )
    return table


def worst_case_text(worst_case_bytes: int) -> str:
    """Format the memory in the worst case: what all containers would take if each were full."""
    megabytes = worst_case_bytes / 1e6
    return (
        f"If every limit were reached, agent and keeper would use {megabytes:.0f} MB in addition to the program itself."
    )


def _quantity(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return one_line(value)
    if unit == "bytes":
        return f"{value / 1e6:,.1f} MB"
    return _duration(value) if unit == "seconds" else f"{value:,} {unit}".rstrip()


def _duration(seconds: float) -> str:
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds) % 60} s"
