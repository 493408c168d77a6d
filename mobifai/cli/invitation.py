"""A phone's way in, shown to a person: address, QR code and pairing code."""

import io
import sys
from datetime import datetime
from typing import Any

import click

from mobifai.cli.plain import plain


def invitation_text(invitation: dict[str, Any], *, with_link: bool) -> str:
    """What to do on the phone. `invitation` is what `mobifai pair --json` prints. The link has a secret in it."""
    lines = [
        *(_ways_by_link(invitation) if with_link else [f"On your phone, open  {invitation['page_url']}"]),
        f"or add this relay to the MobiFai app:  {invitation['relay_url']}",
        "",
        f"Pairing code:  {invitation['code']}   (works once, until {_clock(invitation['expires_at'])})",
    ]
    return "\n".join(lines)


def _ways_by_link(invitation: dict[str, Any]) -> list[str]:
    link = invitation["link"]
    scan = sys.stdout.isatty()
    return [
        *(
            [_qr(link), "Scan this with your phone's camera, or open the link on it:"]
            if scan
            else ["On your phone, open"]
        ),
        f"  {link}",
        "It is for one phone, and a secret: with it all between phone and agent is encrypted end to end.",
        "",
        f"Otherwise open  {invitation['page_url']}  and type the code there,",
    ]


def _clock(expires_at: str) -> str:
    """An ISO 8601 time as the wall clock shows it."""
    return datetime.fromisoformat(expires_at).astimezone().strftime("%H:%M")


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - only a terminal shows it

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue()


def show(invitation: dict[str, Any], *, with_link: bool = True) -> None:
    """Print it."""
    click.echo(plain(invitation_text(invitation, with_link=with_link)))
