"""`mobifai status`: how the running agent is."""

from pathlib import Path
from typing import Any

import click
import msgspec

from mobifai.cli.running import ask_running
from mobifai.cli.settings import state_dir_option


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@state_dir_option
def status(as_json: bool, state_dir: Path) -> None:
    """Show how the running agent is."""
    answer = ask_running(state_dir, "status")
    click.echo(msgspec.json.encode(answer) if as_json else _text(answer))


def _text(answer: dict[str, Any]) -> str:
    phone = f"{answer['phone']} by {answer['path']}" if answer["path"] else "none"
    lines = [
        f"MobiFai {answer['version']}, process {answer['agent_pid']}, up for {_duration(answer['uptime_s'])}",
        f"Memory     {answer['memory_bytes'] / 1e6:.0f} MB",
        f"Relay      {answer['relay_url']} ({answer['relay']})",
        f"Phone      {phone}",
        f"Terminals  {len(answer['terminals'])}",
    ]
    for terminal in answer["terminals"]:
        lines.append(f"  {'*' if terminal['active'] else ' '} {terminal['name']}  ({terminal['uuid']})")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86400
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds) % 60} s"
