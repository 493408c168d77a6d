"""Checks the address of the model's API, so that nobody else can read the key. This module does no I/O."""

import ipaddress
import re
from urllib.parse import urlsplit

from mobifai.errors import ConfigError

_PRINTABLE = re.compile(r"[!-\[\]-~]{1,2048}")
"""ASCII without spaces and backslashes. With other characters, parsers disagree about the host of an address."""

_EXPECTED = "expected an https:// address, or one of this machine such as http://127.0.0.1:8080"


def check_model_url(url: str) -> None:
    """Raise ConfigError if requests to this address could be read by others than the server.

    An https address is accepted, and an http address on loopback. An address with a user name is not.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{_EXPECTED}; found {url[:200]!r}: {error}") from None
    if parts.scheme not in ("https", "http") or not host or not _PRINTABLE.fullmatch(url):
        raise ConfigError(f"{_EXPECTED}; found {url[:200]!r}")
    if "@" in parts.netloc:
        raise ConfigError(f"{_EXPECTED}; found one with a user name: remove everything before the @")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(f"{_EXPECTED}; {url[:200]!r} would send the key unencrypted: use https://")


def is_plain(url: str) -> bool:
    """Return whether an address uses http without TLS."""
    return urlsplit(url).scheme == "http"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
