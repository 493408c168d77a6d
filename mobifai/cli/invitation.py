"""A phone's way in, shown to a person: address, QR code and pairing code."""

import io
import sys
from datetime import datetime
from typing import Any

import click

from mobifai.cli.plain import plain


def invitation_text(invitation: dict[str, Any], *, with_link: bool = True) -> str:
    """What to do on the phone. `invitation` is what `mobifai pair --json` prints: with a link, where an agent runs.

    The link has a secret in it. The QR code is shown in a terminal only.
    """
    page, link, code = invitation["page_url"], invitation.get("link") if with_link else None, invitation["code"]
    qr = _qr(link or f"{page}#{code}") if sys.stdout.isatty() else ""
    lines = [
        *(_by_link(link, scanned=bool(qr)) if link else []),
        f"{'Or add' if link else 'Add'} this relay to the MobiFai app, and type the code:  {invitation['relay_url']}",
        *_other_addresses(invitation.get("other_urls") or []),
        "",
        f"Pairing code:  {code}   (works once, until {_clock(invitation['expires_at'])})",
    ]
    return qr + "\n".join(lines)


def _other_addresses(urls: list[str]) -> list[str]:
    if not urls:
        return []
    return ["", f"If the phone can't reach that address, try another of this machine:  {'  '.join(urls)}"]


def _by_link(link: str, *, scanned: bool) -> list[str]:
    return [
        "Scan this with your phone's camera, or open the link on it:" if scanned else "On your phone, open the link",
        f"  {link}",
        "It is for one phone, and a secret: all between that phone and this machine is then encrypted end to end.",
        "",
    ]


def _clock(expires_at: str) -> str:
    """An ISO 8601 time as the wall clock shows it."""
    return datetime.fromisoformat(expires_at).astimezone().strftime("%H:%M")


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - only a terminal shows it

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue() + "\n"


def show(invitation: dict[str, Any], *, with_link: bool = True) -> None:
    """Print it."""
    click.echo(plain(invitation_text(invitation, with_link=with_link)))
