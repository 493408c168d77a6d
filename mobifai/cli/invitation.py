"""A phone's way in, shown to a person: address, QR code and pairing code."""

import io
import sys
from datetime import datetime
from typing import Any

import click

from mobifai.cli.plain import plain


def invitation_text(invitation: dict[str, Any]) -> str:
    """What to do on the phone. `invitation` is what `mobifai pair --json` prints."""
    code = invitation["code"]
    lines = [
        f"On your phone, open  {invitation['page_url']}",
        f"or add this relay to the MobiFai app:  {invitation['relay_url']}",
        "",
        f"Pairing code:  {code}   (works once, until {_clock(invitation['expires_at'])})",
    ]
    qr = _qr(f"{invitation['page_url']}#{code}") if sys.stdout.isatty() else ""
    return qr + "\n".join(lines)


def _clock(expires_at: str) -> str:
    """An ISO 8601 time as the wall clock shows it."""
    return datetime.fromisoformat(expires_at).astimezone().strftime("%H:%M")


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - only a terminal shows it

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue() + "\n"


def show(invitation: dict[str, Any]) -> None:
    """Print it."""
    click.echo(plain(invitation_text(invitation)))
