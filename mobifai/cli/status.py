"""`mobifai status`: how the running agent is."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from mobifai.cli.control_client import ask_running
from mobifai.cli.settings import state_dir_option
from mobifai.cli.tables import print_table
from mobifai.protocol.plain_text import one_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--limits", is_flag=True, help="Show every limit, what is used of it, and the worst case in memory.")
@click.option("--check", is_flag=True, help="Have a health check made now.")
@state_dir_option
def status(as_json: bool, limits: bool, check: bool, state_dir: Path) -> None:
    """Show how the running agent is: live figures, the last health check, and every bound."""
    if check:
        ask_running(state_dir, "check")
    answer = ask_running(state_dir, "status")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    elif limits and "bounds" in answer:
        _print_limits(answer)
    else:
        click.echo(_text_of(answer))


def _text_of(answer: dict[str, Any]) -> str:
    if "relay_pid" in answer:
        return _relay_text(answer)
    return _text(answer) if "version" in answer else _keeper_text(answer)


def _keeper_text(answer: dict[str, Any]) -> str:
    """What the keeper knows while there is no agent that answers."""
    process = f", process {answer['agent_pid']}" if answer["agent_pid"] else ""
    lines = [f"The agent does not serve: {answer['agent']}{process} (keeper {answer['keeper_pid']})"]
    if answer["problem"]:
        lines.append(f"Problem    {one_line(answer['problem'], 500)}")
    if answer["retry_in_s"] is not None:
        again = f"in {_duration(answer['retry_in_s'])}; `mobifai restart` tries at once"
        lines.append(f"Next try   {again}, `mobifai doctor` looks for the cause")
    lines.append(f"Terminals  {len(answer['terminals'])}, all kept")
    lines += [f"    {one_line(terminal['name'])}  ({terminal['uuid']})" for terminal in answer["terminals"]]
    return "\n".join(lines)


def _relay_text(answer: dict[str, Any]) -> str:
    connected = sum(device["connected"] for device in answer["devices"])
    lines = [
        f"MobiFai relay {answer['version']}, process {answer['relay_pid']}",
        f"Relay      {one_line(answer['relay_url'])}",
        *_problems(answer),
        f"Devices    {len(answer['devices'])} of the account owner, {connected} connected",
        f"Accounts   {len(answer.get('accounts', ['owner']))}, see `mobifai relay account list`",
    ]
    return "\n".join(lines)


def _problems(answer: dict[str, Any]) -> list[str]:
    return [f"Problem    {one_line(problem, 500)}" for problem in answer.get("problems", [])]


def _text(answer: dict[str, Any]) -> str:
    phone = f"{one_line(answer['phone'])} by {answer['path']}, {_protection(answer)}" if answer["path"] else "none"
    keeper = f" (keeper {answer['keeper_pid']})" if answer["keeper_pid"] else ""
    lines = [
        f"MobiFai {answer['version']}, process {answer['agent_pid']}{keeper}, up for {_duration(answer['uptime_s'])}",
        f"Memory     {answer['memory_bytes'] / 1e6:.0f} MB of {answer['memory_limit_bytes'] / 1e6:.0f} MB",
        f"Relay      {one_line(answer['relay_url'])} ({answer['relay']})",
        f"Phone      {phone}",
        f"Key        {answer['fingerprint']}",
        f"Process    {answer['descriptors']} descriptors, {answer['threads']} threads, {answer['tasks']} tasks",
        f"Check      {_last_check(answer['last_check'])}",
        *_problems(answer),
        f"Terminals  {len(answer['terminals'])}, {answer['buffer_bytes'] / 1000:.0f} KB of output kept",
    ]
    for terminal in answer["terminals"]:
        mark, name = "*" if terminal["active"] else " ", one_line(terminal["name"])
        lines.append(f"  {mark} {name}  ({terminal['uuid']}){_exit(terminal['exited'])}")
    return "\n".join(lines)


def _exit(exited: dict[str, Any] | None) -> str:
    if exited is None:
        return ""
    return f", ended by {exited['signal']}" if "signal" in exited else f", exited with status {exited['status']}"


def _protection(answer: dict[str, Any]) -> str:
    if answer["e2e"]:
        return "encrypted end to end"
    return "not end to end: the relay can read it" if answer["path"] == "relay" else "who it is rests on the relay"


def _last_check(check: dict[str, Any] | None) -> str:
    if check is None:
        return "none yet"
    trip = check["relay_round_trip_s"]
    relay = "relay not connected" if trip is None else f"relay there and back in {1000 * trip:.1f} ms"
    return f"at {_duration(check['uptime_s'])}: {check['memory_bytes'] / 1e6:.0f} MB, {relay}"


def _print_limits(answer: dict[str, Any]) -> None:
    table = Table("Limit", "Used", "Peak", "Most", "Unit", "Evicted", "Refused", "When full", "Worst case", box=None)
    for name in ("Used", "Peak", "Most", "Evicted", "Refused", "Worst case"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for bound in answer["bounds"]:
        figures = [f"{bound[name]:,}" for name in ("used", "peak", "capacity")]
        table.add_row(
            bound["name"],
            *figures,
            bound["unit"],
            f"{bound['evicted']:,}",
            f"{bound['refused']:,}",
            bound["when_full"],
            f"{bound['worst_case_bytes'] / 1000:,.0f} KB",
        )
    print_table(table)
    megabytes = answer["worst_case_bytes"] / 1e6
    click.echo(f"Everything full at one time takes {megabytes:.0f} MB in agent and keeper, beside the program itself.")


def _duration(seconds: float) -> str:
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds) % 60} s"
