"""`mobifai relay`: the relay alone, for an agent elsewhere."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mobifai import __version__
from mobifai.bounds import Ledger
from mobifai.cli import invitation
from mobifai.cli.listening import listen_options, relay_config
from mobifai.cli.running import is_set_within, run, stop_signals
from mobifai.cli.settings import Settings, log_options, state_dir_option
from mobifai.config import RelayConfig
from mobifai.errors import StateError
from mobifai.health.control import Handler, control_server
from mobifai.health.extensions import Extensions, Subject
from mobifai.health.logs import Logs, set_up_logs
from mobifai.relay.addresses import places
from mobifai.relay.server import Relay
from mobifai.state import StateDir, open_state


@click.command()
@listen_options
@state_dir_option
@log_options
@click.pass_obj
def relay(
    settings: Settings,
    host: str | None,
    port: int | None,
    allow_host: tuple[str, ...],
    trusted_proxy: tuple[str, ...],
    public_url: str | None,
    state_dir: Path,
    log_level: str,
    log_format: str,
) -> None:
    """Run a relay alone, for an agent elsewhere (`mobifai serve --relay URL`).

    `mobifai pair` shows a code for one more device: the agent and the phones sign in with one each.
    """
    logs = set_up_logs(log_level, log_format)
    place = relay_config(host or "127.0.0.1", port, allow_host, trusted_proxy, public_url)
    with open_state(state_dir) as state:
        ledger = Ledger(settings.limits)
        with logs.to_file(state, ledger):
            run(_serve(place, state, ledger, logs))


async def _serve(place: RelayConfig, state: StateDir, ledger: Ledger, logs: Logs) -> None:
    async with stop_signals() as stop, Relay.open(place, state.path, ledger, problems=state.problems) as running:
        questions = _questions(running, ledger)
        more = Extensions(Subject(ledger))
        async with control_server(state.socket_places("control"), questions, ledger, more.find):
            invitation.show(await questions["pair"]({}))  # type: ignore[arg-type]
            click.echo("Agents use it with `mobifai serve --relay`. Ctrl-C stops.")
            while not await is_set_within(stop, 60):
                logs.say_repeats()


def _questions(running: Relay, ledger: Ledger) -> dict[str, Handler]:
    async def pair(_: dict[str, Any]) -> object:
        made = running.sign_in.invite()
        way_in = {"token": made.token, "code": made.code, "expires_at": made.expires_at}
        return {**places(running.find_urls()), "device_id": None, **way_in}

    async def devices(_: dict[str, Any]) -> object:
        return {"devices": running.devices()}

    async def revoke(arguments: dict[str, Any]) -> object:
        await running.revoke(str(arguments.get("device_id", "")))
        return {}

    async def status(_: dict[str, Any]) -> object:
        return {
            "version": __version__,
            "relay_pid": os.getpid(),
            "relay_url": running.find_urls()[0],
            "devices": running.devices(),
            "worst_case_bytes": ledger.worst_case_bytes,
            "bounds": [asdict(entry) for entry in ledger.entries()],
        }

    async def check(_: dict[str, Any]) -> object:
        raise StateError("a relay alone has no health check; `mobifai doctor --relay URL` looks at one")

    return {"pair": pair, "devices": devices, "revoke": revoke, "status": status, "check": check}
