"""An invitation, shown to a person: link and QR code, or a pairing code, and what to do with it."""

import io
import sys
from datetime import datetime
from typing import Any

import click

from mobifai.protocol.plain_text import one_line, plain

LEGACY_WARNING = (
    "A legacy app does not encrypt end to end. Whoever listens on its network, or runs the relay, can read everything "
    "that it shows and types, and can use your terminals in its name until `mobifai devices revoke` shuts it out."
)


def invitation_text(invitation: dict[str, Any]) -> str:
    """What to do with an invitation. `invitation` is what `mobifai pair --json` prints.

    A QR code is shown in a terminal only.
    """
    invitation = {name: _shown(value) for name, value in invitation.items()}
    if invitation.get("link"):
        return _by_link(invitation)
    if invitation["device_id"] is None:
        return _for_agent(invitation)
    return _for_legacy_app(invitation)


def _shown(value: Any) -> Any:
    """A value of an invitation as it is printed: another relay may have given it."""
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
            f"It works once, until {_clock(invitation)}. It is a secret that lets one phone in; everything between "
            "that phone and this machine is then encrypted end to end.",
        ]
    )


def other_addresses(urls: list[str]) -> list[str]:
    """A line on the other addresses of this machine, if it has any."""
    return [f"If the phone can't reach that address, try another of this machine:  {'  '.join(urls)}"] if urls else []


def _for_legacy_app(invitation: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"In the MobiFai app, add this relay and type the code:  {invitation['relay_url']}",
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
            "Open the address that it shows, and type the code. The agent then invites its phones with `mobifai pair`.",
            "",
            f"Pairing code:  {_code(invitation)}",
        ]
    )


def _code(invitation: dict[str, Any]) -> str:
    return f"{invitation['code']}   (works once, until {_clock(invitation)})"


def _clock(invitation: dict[str, Any]) -> str:
    """When it expires, as the wall clock shows it."""
    expires_at = str(invitation["expires_at"])
    try:
        return f"{datetime.fromisoformat(expires_at).astimezone():%H:%M}"
    except (ValueError, OverflowError, OSError):  # no time that can be, here
        return expires_at


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - only a terminal shows it

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue() + "\n"


def show(invitation: dict[str, Any]) -> None:
    """Print it."""
    click.echo(plain(invitation_text(invitation)))
