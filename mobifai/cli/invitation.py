"""The text of an invitation: a link with its QR code, or a pairing code, and how to use it."""

import io
import sys
from datetime import datetime
from typing import Any

import click

from mobifai.protocol.plain_text import one_line, plain

LEGACY_WARNING = (
    "A legacy app does not encrypt end to end. Anyone who listens on its network or runs the relay can read everything "
    "that it shows and types, and can use your terminals in its name until you run `mobifai devices revoke`."
)


def invitation_text(invitation: dict[str, Any]) -> str:
    """Return the text that explains how to use an invitation, whose fields are those of `mobifai pair --json`.

    The text has a QR code only if standard output is a terminal.
    """
    invitation = {name: _shown(value) for name, value in invitation.items()}
    if invitation.get("link"):
        return _by_link(invitation)
    if invitation["device_id"] is None:
        return _for_agent(invitation)
    return _for_legacy_app(invitation)


def _shown(value: Any) -> Any:
    """Return a value of an invitation without control characters, since a relay on another machine may have sent it."""
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return one_line(value, 2048) if isinstance(value, str) else value


def _by_link(invitation: dict[str, Any]) -> str:
    qr = _qr(invitation["link"]) if sys.stdout.isatty() else ""
    return qr + "\n".join(
        [
            "Scan this with your phone's camera, or open the link on it:" if qr else "On your phone, open the link",
            f"  {invitation['link']}",
            *other_addresses(invitation.get("other_urls", [])),
            f"The link works once, until {_clock(invitation)}. Keep it secret: it gives one phone access. Everything "
            "between that phone and this machine is encrypted end to end.",
        ]
    )


def other_addresses(urls: list[str]) -> list[str]:
    """Return a list with one line about further addresses of this machine (`urls`); empty without any."""
    return [f"If the phone can't reach that address, try another of this machine:  {'  '.join(urls)}"] if urls else []


def _for_legacy_app(invitation: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"In the MobiFai app, add this relay and enter the code:  {invitation['relay_url']}",
            *other_addresses(invitation.get("other_urls", [])),
            "",
            f"Pairing code:  {_code(invitation)}",
            "",
            LEGACY_WARNING,
        ]
    )


def _for_agent(invitation: dict[str, Any]) -> str:
    account = invitation["account"]
    relay = invitation["relay_url"] or "URL-OF-THIS-RELAY"
    return "\n".join(
        [
            f"To connect an agent to the account {account!r}, run on its machine:  mobifai serve --relay {relay}",
            "Open the address that it shows, and enter the code. Then invite phones there with `mobifai pair`.",
            "",
            f"Pairing code:  {_code(invitation)}",
        ]
    )


def _code(invitation: dict[str, Any]) -> str:
    return f"{invitation['code']}   (works once, until {_clock(invitation)})"


def _clock(invitation: dict[str, Any]) -> str:
    """Return the local time at which an invitation expires, as hours and minutes."""
    expires_at = str(invitation["expires_at"])
    try:
        return f"{datetime.fromisoformat(expires_at).astimezone():%H:%M}"
    except (ValueError, OverflowError, OSError):  # not a time that this machine can represent
        return expires_at


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - only needed in a terminal

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue() + "\n"


def show(invitation: dict[str, Any]) -> None:
    """Print how to use an invitation."""
    click.echo(plain(invitation_text(invitation)))
