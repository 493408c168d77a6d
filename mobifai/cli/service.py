"""`mobifai service`: install, inspect and remove the user service that keeps MobiFai running."""

import asyncio
import contextlib
import os
import shlex
import sys
import time
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from mobifai import user
from mobifai.cli.settings import state_dir_option
from mobifai.control.client import send_request
from mobifai.errors import CommandError, ServiceError, StateError
from mobifai.logs.rotating_file import log_path
from mobifai.logs.tail import follow, last_lines
from mobifai.service.commands import SystemCommands
from mobifai.service.definition import ServiceDefinition, ServiceManager, ServiceState, minimal_environment
from mobifai.service.launchd import Launchd
from mobifai.service.systemd import Systemd
from mobifai.state import StateDir

ASK_AGAIN_SECONDS = 0.2


@click.group()
@click.pass_context
def service(context: click.Context) -> None:
    """Keep MobiFai running as a systemd user unit (Linux) or a launchd agent (macOS)."""
    context.default_map = dict.fromkeys(service.commands, context.default_map)


def manager(platform: str = sys.platform) -> ServiceManager:
    """Return the service manager of this system. Raises ServiceError if MobiFai supports none on this platform."""
    home = user.required_home()
    if platform == "darwin":
        return Launchd(SystemCommands(), home, os.getuid())
    if platform.startswith("linux"):
        return Systemd(SystemCommands(), Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config"))
    raise ServiceError(
        f"expected Linux or macOS; found {platform}: have the service manager of this system run `mobifai serve`"
    )


@service.command(context_settings={"ignore_unknown_options": True})
@click.option("--print", "only_print", is_flag=True, help="Print the service's definition instead of installing it.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=20,
    show_default=True,
    help="Seconds to wait until the new service's agent answers; 0: do not wait.",
)
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- SERVE_OPTION...]")
@click.pass_context
def install(context: click.Context, only_print: bool, wait: float, serve_options: tuple[str, ...]) -> None:
    """Install and start the service, or change its options.

    Put options of `mobifai serve` after `--`: `mobifai service install -- --lan --port 9000`.
    """
    from mobifai.cli.service_options import serve_command  # noqa: PLC0415 - imports the whole agent

    argv = serve_command(context, serve_options)
    wanted = ServiceDefinition(argv, minimal_environment(os.environ), user.required_home())
    system = manager()
    if only_print:
        click.echo(system.text(wanted), nl=False)
        return
    _warn_of_variables()
    for note in system.install(wanted):
        click.echo(note)
    if wait:
        _wait_for_answer(system.state(), wait)
    click.echo(f"MobiFai runs as a service ({system.file}). `mobifai pair` invites a phone.")


def _warn_of_variables() -> None:
    """Warn of the environment variables MOBIFAI_* that the service ignores.

    It does not get them, because some hold secrets and other users can read the definition file.
    """
    ignored = [name for name in os.environ if name.startswith("MOBIFAI_") and name not in _HANDED_ON]
    if ignored:
        click.echo(
            f"Ignored these variables, since the service has its own environment: {', '.join(sorted(ignored))}.",
            err=True,
        )


_HANDED_ON = ("MOBIFAI_STATE_DIR", "MOBIFAI_CONFIG")


def _wait_for_answer(state: ServiceState, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not _agent_pid(state.state_dir):
        if time.monotonic() > until:
            raise CommandError(
                f"the service is installed, but did not answer within {seconds:g} s; "
                "see `mobifai service status` and `mobifai service logs`"
            )
        time.sleep(ASK_AGAIN_SECONDS)


def _agent_pid(state_dir: Path | None) -> int | None:
    if state_dir is None:
        return None
    with contextlib.suppress(StateError):
        return int(asyncio.run(send_request(StateDir(state_dir).control_socket, "status")).get("agent_pid", 0)) or None
    return None


@service.command()
def uninstall() -> None:
    """Stop and remove the service. Identity, devices and tabs are kept."""
    system = manager()
    if system.uninstall():
        click.echo(f"Service removed ({system.file} deleted).")
    else:
        click.echo("MobiFai is not installed as a service.")


@service.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def status(as_json: bool) -> int:
    """Show the state of the service. The exit status is 0 if it runs, else 1."""
    state = manager().state()
    pid = _agent_pid(state.state_dir)
    click.echo(_json(state, pid) if as_json else _text(state, pid))
    return 0 if state.running else 1


def _json(state: ServiceState, pid: int | None) -> bytes:
    parts = {
        "file": str(state.file),
        "installed": state.installed,
        "running": state.running,
        "enabled": state.enabled,
        "detail": state.detail,
        "argv": state.argv,
        "agent_pid": pid,
    }
    return msgspec.json.encode(parts)


def _text(state: ServiceState, pid: int | None) -> str:
    if not state.installed:
        return f"Not installed ({state.file} does not exist). Run `mobifai service install`."
    lines = [
        f"Definition  {state.file}",
        f"Service     {'runs' if state.running else 'does not run'}: {state.detail}",
        f"At sign-in  {'starts' if state.enabled else 'does not start'}",
        f"Agent       {f'answers, process {pid}' if pid else 'does not answer'}",
        f"Command     {shlex.join(state.argv)}",
    ]
    return "\n".join(lines)


@service.command()
@click.option("-f", "--follow", "following", is_flag=True, help="Follow the log until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many of the log's last lines to show.",
)
@state_dir_option
@click.pass_context
def logs(context: click.Context, following: bool, lines: int, state_dir: Path) -> None:
    """Show the agent's log, by default that of the service's state directory."""
    path = log_path(_state_dir(context, state_dir))
    try:
        begin = path.stat()
        click.echo("".join(last_lines(path, lines)), nl=False)
        for text in follow(path, begin) if following else ():
            click.echo(text, nl=False)
    except FileNotFoundError:
        raise CommandError(
            f"expected a log at {path}; there is none: MobiFai never ran with this state directory"
        ) from None
    except OSError as error:
        raise CommandError(f"the log can't be read: {error}") from None


def _state_dir(context: click.Context, named: Path) -> Path:
    if context.get_parameter_source("state_dir") is ParameterSource.DEFAULT:
        with contextlib.suppress(ServiceError):
            return manager().state().state_dir or named
    return named
