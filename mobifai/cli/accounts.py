"""`mobifai relay account`: the accounts of a relay that several people share.

If the relay runs, it makes the change itself. Otherwise the command changes the state directory.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from mobifai.bounds import Ledger
from mobifai.cli import invitation
from mobifai.cli.control_client import is_running, request_running
from mobifai.cli.settings import FileSettings, state_dir_option
from mobifai.errors import CommandError
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.plain_text import one_line
from mobifai.relay.addresses import invitation_urls
from mobifai.relay.signin import IssuedInvitation, SignIn
from mobifai.relay.store import RelayStore
from mobifai.relay.tokens import Tokens, load_secret
from mobifai.state import open_state

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group()
@click.pass_context
def account(context: click.Context) -> None:
    """Add, list or remove the accounts of a shared relay.

    Each account has its own agents, phones, invitations and settings, and can't see those of other accounts. Every
    relay has the account `owner`.
    """
    context.default_map = dict.fromkeys(account.commands, context.default_map)


@account.command()
@click.argument("name")
@json_option
@state_dir_option
@click.pass_obj
def add(settings: FileSettings, name: str, as_json: bool, state_dir: Path) -> None:
    """Add an account, and show a pairing code for its first agent."""

    def now(sign_in: SignIn) -> dict[str, Any]:
        sign_in.accounts.add(name)
        return describe(sign_in.invite(ClientKind.AGENT, name), [])

    _show(_request_or_run(settings, state_dir, "account-add", name, now), as_json=as_json)


@account.command()
@click.argument("name")
@json_option
@state_dir_option
@click.pass_obj
def invite(settings: FileSettings, name: str, as_json: bool, state_dir: Path) -> None:
    """Show a pairing code for one more agent of an account."""

    def now(sign_in: SignIn) -> dict[str, Any]:
        return describe(sign_in.invite(ClientKind.AGENT, name), [])

    _show(_request_or_run(settings, state_dir, "account-invite", name, now), as_json=as_json)


@account.command("list")
@json_option
@state_dir_option
@click.pass_obj
def list_accounts(settings: FileSettings, as_json: bool, state_dir: Path) -> None:
    """List the accounts with the number of agents and phones of each."""
    answer = _request_or_run(settings, state_dir, "account-list", "", summary)
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    for one in answer["accounts"]:
        click.echo(f"{one_line(one['name'])}: {_count(one['agents'], 'agent')}, {_count(one['phones'], 'phone')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@account.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def remove(settings: FileSettings, name: str, state_dir: Path) -> None:
    """Remove an account: disconnect its devices, and delete everything that belongs to it."""

    def now(sign_in: SignIn) -> None:
        sign_in.accounts.remove(name)

    _request_or_run(settings, state_dir, "account-remove", name, now)
    click.echo(f"Removed the account {name!r}.")


def summary(sign_in: SignIn) -> dict[str, Any]:
    """Return `{accounts: [{name, agents, phones}, ...]}`, with the number of agents and phones of each account."""
    found = []
    for one in sign_in.accounts:
        types = [device.type for device in sign_in.devices(one.name)]
        found.append({"name": one.name, "agents": types.count("mac"), "phones": types.count("mobile")})
    return {"accounts": found}


def describe(made: IssuedInvitation, urls: list[str]) -> dict[str, Any]:
    """Return the fields of an invitation for a new agent, as commands print them.

    `urls` are the relay's addresses. It is empty if they are unknown.
    """
    where = invitation_urls(urls) if urls else {"relay_url": None, "page_url": None}
    return {**where, "device_id": None, **asdict(made)}


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        invitation.show(answer)


def _request_or_run(
    settings: FileSettings, state_dir: Path, request: str, name: str, now: Callable[[SignIn], Any]
) -> Any:
    """Send a request about the account `name` to the running relay. If none runs, call `now` with the stored accounts.

    Return the result of either. Raises MobiFaiError.
    """
    if is_running(state_dir):
        if "relay_pid" not in request_running(state_dir, "status"):
            raise CommandError(
                f"expected the state directory of `mobifai relay`; found that of `mobifai serve`, {state_dir}, whose "
                "relay has only one account; choose the directory of `mobifai relay` with --state-dir"
            )
        return request_running(state_dir, request, name=name)
    with open_state(state_dir) as state, RelayStore.open(state.path) as store:
        sign_in = SignIn(store, Tokens(load_secret(state.path)), Ledger(settings.limits), shared=True)
        return now(sign_in)
