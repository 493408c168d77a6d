"""`mobifai serve`: run the agent. Owns the command's options and the checks of their values.

To add an option, declare it here with its environment variable, and add a field to `Config`. Read that field where it
is needed; `agent/composition.py` passes it to the parts of the agent. The settings file accepts the option
automatically. Describe the option in `docs/reference/settings.md`.
"""

import datetime as dt
import re
import socket
from pathlib import Path
from typing import Literal

import click

from mobifai.assistant.config import DEFAULT_MODEL, ApprovalMode, AssistantConfig, from_table
from mobifai.cli.agent_start import start_agent
from mobifai.cli.init_process import fork_if_init
from mobifai.cli.listen_options import check_public_url, check_relay_url, listen_options, relay_config
from mobifai.cli.settings import FileSettings, log_options, state_dir_option
from mobifai.config import EVERY_ADDRESS, PUBLIC_STUN, Config, HealthConfig, RelayConfig
from mobifai.errors import ConfigError
from mobifai.limits import MAX_NAME
from mobifai.logs.setup import set_up_logs
from mobifai.protocol.plain_text import one_line
from mobifai.terminals.shells import shell_command

_ICE_SERVER = re.compile(r"stuns?:[^\s?:]+(:[0-9]{1,5})?|turns?:[^\s?:]+(:[0-9]{1,5})?(\?transport=(udp|tcp))?")


def _time_of_day(_: click.Context, __: click.Parameter, value: str | None) -> dt.time | None:
    try:
        return dt.datetime.strptime(value, "%H:%M").time() if value else None
    except ValueError:
        raise click.BadParameter(f"expected a time of day as HH:MM; found {value!r}") from None


@click.command()
@click.option(
    "--lan", is_flag=True, envvar="MOBIFAI_LAN", help="Accept phones on the same network: listen on all addresses."
)
@listen_options
@click.option("--relay", envvar="MOBIFAI_RELAY", help="Use the relay at this URL instead of the built-in one.")
@click.option(
    "--shell", envvar="MOBIFAI_SHELL", help="Program to run in a new terminal, with arguments.  [default: your shell]"
)
@click.option(
    "--name",
    envvar="MOBIFAI_NAME",
    default=socket.gethostname,
    help="Name that phones show for this machine.  [default: its host name]",
)
@click.option(
    "--ice-server",
    multiple=True,
    envvar="MOBIFAI_ICE_SERVER",
    help=f"STUN or TURN server for WebRTC. Repeatable.  [default: none; with --relay {PUBLIC_STUN}]",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MOBIFAI_READY_FILE",
    help="Write the relay's addresses and MobiFai's process id to this file, as JSON, once phones can pair; "
    "removed when the agent ends.",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    envvar="MOBIFAI_MEMORY_LIMIT",
    help="Memory in MB above which the health check warns, frees memory, and finally restarts the agent.",
)
@click.option(
    "--health-interval",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    envvar="MOBIFAI_HEALTH_INTERVAL",
    help="Seconds between health checks.",
)
@click.option(
    "--metrics",
    type=click.IntRange(0, 65535),
    envvar="MOBIFAI_METRICS",
    help="Serve metrics for Prometheus on this port of 127.0.0.1; 0 picks a free one.  [default: no metrics]",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(min=1),
    default=1,
    hidden=True,
    envvar="MOBIFAI_TIME_SCALE",
    help="Run the timers of health checks, trimming and reconnects this many times as fast.",
)
@click.option("--model", envvar="MOBIFAI_MODEL", help=f"Name of the assistant's model.  [default: {DEFAULT_MODEL}]")
@click.option(
    "--model-url",
    envvar="MOBIFAI_MODEL_URL",
    help="Base URL of the model's API: https, or http on this machine.  [default: Anthropic's]",
)
@click.option(
    "--approvals",
    type=click.Choice([choice.value for choice in ApprovalMode]),
    envvar="MOBIFAI_APPROVALS",
    help="When the assistant asks for approval: before risky actions, always, or never.  [default: risky]",
)
@click.option(
    "--keep-awake",
    is_flag=True,
    envvar="MOBIFAI_KEEP_AWAKE",
    help="Keep this machine awake while a phone is connected or a terminal prints.",
)
@click.option(
    "--e2e",
    type=click.Choice(["allow", "require"]),
    envvar="MOBIFAI_E2E",
    help="Accept (allow) or reject (require) legacy apps, which don't encrypt end to end "
    "(see `mobifai pair --legacy`).  [default: allow; with --relay require]",
)
@click.option(
    "--no-keeper",
    is_flag=True,
    envvar="MOBIFAI_NO_KEEPER",
    help="Run without the keeper, which keeps terminals running while the agent restarts; a crash then ends them.",
)
@click.option(
    "--restart-daily",
    metavar="HH:MM",
    callback=_time_of_day,
    envvar="MOBIFAI_RESTART_DAILY",
    help="Restart the agent every day at this local time.  [default: never]",
)
@state_dir_option
@log_options
@click.pass_obj
def serve(
    settings: FileSettings,
    lan: bool,
    host: str | None,
    port: int | None,
    allow_host: tuple[str, ...],
    trusted_proxy: tuple[str, ...],
    public_url: str | None,
    relay: str | None,
    shell: str | None,
    name: str,
    ice_server: tuple[str, ...],
    ready_file: Path | None,
    memory_limit: int,
    health_interval: float,
    metrics: int | None,
    time_scale: float,
    model: str | None,
    model_url: str | None,
    approvals: str | None,
    keep_awake: bool,
    e2e: Literal["allow", "require"] | None,
    no_keeper: bool,
    restart_daily: dt.time | None,
    state_dir: Path,
    log_level: str,
    log_format: str,
) -> int:
    """Make this machine's terminals available on your phone.

    Starts a relay that only this machine can reach, and shows how to connect a phone. With --lan, phones on the same
    network can reach it. With --relay, a relay on another machine is used instead.
    """
    if no_keeper:
        fork_if_init()
    logs = set_up_logs(log_level, log_format)
    config = Config(
        relay=_relay(relay, lan, host, port, allow_host, trusted_proxy, public_url),
        public_url=check_public_url(public_url),
        shell=shell_command(shell),
        device_name=one_line(name, MAX_NAME),
        ice_servers=_ice_servers(ice_server) or ((PUBLIC_STUN,) if relay else ()),
        ready_file=ready_file,
        restart_daily=restart_daily,
        keep_awake=keep_awake,
        time_scale=time_scale,
        metrics_port=metrics,
        e2e=e2e or ("require" if relay else "allow"),
        health=_health(memory_limit, health_interval, time_scale),
        limits=settings.limits,
    )
    assistant = _assistant(settings, model=model, base_url=model_url, approvals=approvals)
    return start_agent(config, assistant, state_dir, logs, with_keeper=not no_keeper, as_json=log_format == "json")


def _relay(
    url: str | None,
    lan: bool,
    host: str | None,
    port: int | None,
    allow_host: tuple[str, ...],
    trusted_proxy: tuple[str, ...],
    public_url: str | None,
) -> str | RelayConfig:
    """Return the URL of the relay on another machine, or the settings of the built-in relay. Raises ConfigError."""
    if url is None:
        address = host or (EVERY_ADDRESS if lan else "127.0.0.1")
        return relay_config(address, port, allow_host, trusted_proxy, public_url)
    if lan or host is not None or port is not None or trusted_proxy:
        raise ConfigError(
            "expected either --relay, or --lan, --host, --port and --trusted-proxy for the built-in relay; found both"
        )
    return check_relay_url(url)


def _assistant(settings: FileSettings, **options: str | None) -> AssistantConfig:
    """Return the assistant's settings: the options and, where an option is not given, the settings file.

    Raises ConfigError.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return from_table({**settings.assistant, **given})


def _ice_servers(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        if not _ICE_SERVER.fullmatch(url):
            raise ConfigError(f"--ice-server: expected stun:HOST[:PORT] or turn:HOST[:PORT]; found {url!r}")
    return urls


def _health(memory_limit: int, interval: float, time_scale: float) -> HealthConfig:
    usual = HealthConfig()
    return HealthConfig(
        check_seconds=interval / time_scale,
        memory_limit_bytes=memory_limit * 10**6,
        trim_seconds=usual.trim_seconds / time_scale,
        inactive_seconds=usual.inactive_seconds / time_scale,
    )
