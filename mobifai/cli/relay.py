"""`mobifai relay`: run a standalone relay for agents on other machines."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mobifai import __version__
from mobifai.bounds import Ledger
from mobifai.cli import invitation
from mobifai.cli.accounts import account, describe, summary
from mobifai.cli.announcing import announce
from mobifai.cli.control_client import is_set_within, run, stop_signals
from mobifai.cli.listen_options import listen_options, relay_config
from mobifai.cli.settings import FileSettings, log_options, state_dir_option
from mobifai.config import RelayConfig
from mobifai.control.debug_plugins import DebugPlugins, PluginContext
from mobifai.control.server import ControlHandler, control_server
from mobifai.errors import SignInRefused, StateError
from mobifai.logs.setup import RootLogHandler, set_up_logs
from mobifai.problems import Problems
from mobifai.protocol.codes import ClientKind
from mobifai.relay.server import Relay
from mobifai.resource_limits import check_limits
from mobifai.state import StateDir, open_state

_NO_PHONES = (
    "a standalone relay only invites agents; to invite a legacy app, run `mobifai pair --legacy` on its agent's machine"
)


@click.group(invoke_without_command=True)
@listen_options
@state_dir_option
@log_options
@click.pass_context
def relay(
    context: click.Context,
    host: str | None,
    port: int | None,
    allow_host: tuple[str, ...],
    trusted_proxy: tuple[str, ...],
    public_url: str | None,
    state_dir: Path,
    log_level: str,
    log_format: str,
) -> None:
    """Run a standalone relay, for agents on other machines (`mobifai serve --relay URL`).

    `mobifai pair` on the relay's machine invites an agent, and on the agent's machine a phone. `mobifai relay account`
    lets several people share a relay without access to each other's devices.
    """
    if context.invoked_subcommand is not None:
        _pass_on(context, state_dir)
        return
    settings: FileSettings = context.obj
    logs = set_up_logs(log_level, log_format)
    check_limits()
    place = relay_config(host or "127.0.0.1", port, allow_host, trusted_proxy, public_url)
    with open_state(state_dir) as state:
        ledger = Ledger(settings.limits)
        with logs.to_file(state, ledger):
            run(_serve(place, state, ledger, logs))


relay.add_command(account)


def _pass_on(context: click.Context, state_dir: Path) -> None:
    """Make the settings file and the options before `account` the defaults of the subcommands of `relay`."""
    given = {**(context.default_map or {}), "state_dir": state_dir}
    context.default_map = dict.fromkeys(relay.commands, given)


async def _serve(place: RelayConfig, state: StateDir, ledger: Ledger, logs: RootLogHandler) -> None:
    opening = Relay.open(place, state.path, ledger, shared=True, problems=state.problems)
    async with stop_signals() as stop, opening as running:
        handlers = _control_handlers(running, ledger, state.problems)
        plugins = DebugPlugins(PluginContext(ledger))
        async with control_server(state.socket_paths("control"), handlers, ledger, plugins.find):
            announce(invitation.invitation_text(await handlers["pair"]({})))  # type: ignore[arg-type]
            announce(
                "`mobifai pair` shows a new code, `mobifai relay account add` adds an account. Press Ctrl-C to stop."
            )
            while not await is_set_within(stop, 60):
                logs.log_repeats()


def _control_handlers(running: Relay, ledger: Ledger, problems: Problems) -> dict[str, ControlHandler]:
    async def pair(arguments: dict[str, Any]) -> object:
        if arguments.get("legacy"):
            raise SignInRefused(_NO_PHONES)
        return describe(running.sign_in.invite(ClientKind.AGENT), running.find_urls())

    async def devices(_: dict[str, Any]) -> object:
        return {"devices": running.devices()}

    async def revoke(arguments: dict[str, Any]) -> object:
        await running.revoke(str(arguments.get("device_id", "")))
        return {}

    async def account_add(arguments: dict[str, Any]) -> object:
        return describe(running.add_account(str(arguments.get("name", ""))), running.find_urls())

    async def account_invite(arguments: dict[str, Any]) -> object:
        return describe(running.sign_in.invite(ClientKind.AGENT, str(arguments.get("name", ""))), running.find_urls())

    async def account_list(_: dict[str, Any]) -> object:
        return summary(running.sign_in)

    async def account_remove(arguments: dict[str, Any]) -> object:
        running.remove_account(str(arguments.get("name", "")))
        return {}

    async def status(_: dict[str, Any]) -> object:
        return {
            "version": __version__,
            "relay_pid": os.getpid(),
            "problems": list(problems),
            "relay_url": running.find_urls()[0],
            "own_relay_url": running.local_url,
            "devices": running.devices(),
            **summary(running.sign_in),
            "worst_case_bytes": ledger.worst_case_bytes,
            "bounds": [asdict(entry) for entry in ledger.entries()],
        }

    async def check(_: dict[str, Any]) -> object:
        raise StateError("a standalone relay has no health check; use `mobifai doctor --relay URL` to check the relay")

    return {
        "pair": pair,
        "devices": devices,
        "revoke": revoke,
        "status": status,
        "check": check,
        "account-add": account_add,
        "account-invite": account_invite,
        "account-list": account_list,
        "account-remove": account_remove,
    }
