"""The options that say where a relay listens and how clients reach it, and the checks of their values."""

import ipaddress
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from mobifai.config import DEFAULT_PORT, RelayConfig
from mobifai.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_LAST_PORT = 65535


def listen_options(command: F) -> F:
    """Add `--host`, `--port`, `--public-url`, `--allow-host` and `--trusted-proxy` to a command."""
    options = (
        click.option("--host", envvar="MOBIFAI_HOST", help="Address that the relay listens on.  [default: 127.0.0.1]"),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            envvar="MOBIFAI_PORT",
            help="Port that the relay listens on; 0 picks a free one.  [default: 8765]",
        ),
        click.option(
            "--public-url",
            metavar="URL",
            envvar="MOBIFAI_PUBLIC_URL",
            help="Address that phones use, such as a reverse proxy's: https://HOST[:PORT][/PATH].  [default: detected]",
        ),
        click.option(
            "--allow-host",
            metavar="NAME[:PORT]",
            multiple=True,
            envvar="MOBIFAI_ALLOW_HOST",
            help="Also accept requests whose Host header has this name, such as those of a reverse proxy. Repeatable.",
        ),
        click.option(
            "--trusted-proxy",
            metavar="ADDRESS|NETWORK",
            multiple=True,
            envvar="MOBIFAI_TRUSTED_PROXY",
            help="Trust the Forwarded and X-Forwarded-* headers of this reverse proxy. Repeatable.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def relay_config(
    host: str, port: int | None, allow_host: tuple[str, ...], trusted_proxy: tuple[str, ...], public_url: str | None
) -> RelayConfig:
    """Check the values of these options, and return them as the settings of a relay in this process.

    Raises ConfigError.
    """
    return RelayConfig(
        host,
        DEFAULT_PORT if port is None else port,
        tuple(map(_allowed_host, allow_host)),
        tuple(map(_network, trusted_proxy)),
        check_public_url(public_url),
    )


def check_public_url(url: str | None) -> str | None:
    """Check the value of `--public-url`, and return it without a trailing slash. Raises ConfigError."""
    if url is None:
        return None
    expected = f"--public-url: expected https://HOST[:PORT][/PATH], or the same with http; found {url!r}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{expected} ({error})") from None
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or "") or port == 0:
        raise ConfigError(expected)
    if parts.username is not None or "?" in url or "#" in url or not _PATH.fullmatch(parts.path):
        raise ConfigError(f"{expected}; remove the user, query, fragment and characters that need encoding")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def check_relay_url(url: str) -> str:
    """Check the value of `--relay`, and return it without a trailing slash. Raises ConfigError."""
    if not _is_http(url):
        raise ConfigError(f"--relay: expected an address such as https://HOST or http://HOST:PORT; found {url!r}")
    return url.rstrip("/")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # not a valid port
        return False


def _allowed_host(value: str) -> str:
    name, port = value, ""
    if not _is_host(value):
        name, _, port = value.rpartition(":")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not _is_host(bare) or (port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT)):
        raise ConfigError(f"--allow-host: expected a host such as relay.example or relay.example:8443; found {value!r}")
    shown = f"[{bare}]" if ":" in bare else bare
    return f"{shown}:{port}".removesuffix(":").lower()


def _is_host(text: str) -> bool:
    if re.fullmatch(r"[0-9.]+", text) or ":" in text:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return True
    return _NAME.fullmatch(text) is not None


def _network(value: str) -> IPv4Network | IPv6Network:
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        hint = f" (without host bits: {_without_host_bits(value)})" if "host bits" in str(error) else ""
        raise ConfigError(
            f"--trusted-proxy: expected an address such as 192.0.2.7, or a network such as 10.0.0.0/8; "
            f"found {value!r}{hint}"
        ) from None


def _without_host_bits(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))
