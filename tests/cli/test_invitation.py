"""A phone's way in, as it is shown to people."""

import sys
from datetime import UTC, datetime

import pytest

from mobifai.agent.doors import link
from mobifai.cli.invitation import invitation_text
from soak.phone_seal import Link

DEVICE = "01234567-89ab-4cde-8f01-23456789abcd"
SECRET, KEY = bytes(range(16)), bytes(range(32))
PAGE = "http://192.168.1.7:8765/"
INVITATION = {
    "relay_url": "http://192.168.1.7:8765",
    "page_url": PAGE,
    "code": "ABCD-EFGH",
    "expires_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    "link": link(PAGE, "ABCD-EFGH", SECRET, KEY, DEVICE),
}


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def in_terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: request.param, raising=False)
    return bool(request.param)


def test_a_link_has_all_that_a_phone_needs_behind_the_sign_that_no_server_sees() -> None:
    page, _, fragment = INVITATION["link"].partition("#")
    assert page == PAGE
    assert (
        fragment
        == "1.ABCDEFGH.AAECAwQFBgcICQoLDA0ODw.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.ASNFZ4mrTN6PASNFZ4mrzQ"
    )
    assert Link.read(INVITATION["link"]) == Link(PAGE, "ABCDEFGH", SECRET, KEY, DEVICE)


def test_the_link_is_shown_as_text_and_in_a_terminal_as_a_qr_code(in_terminal: bool) -> None:
    text = invitation_text(INVITATION)
    assert f"  {INVITATION['link']}" in text.splitlines()
    assert ("camera" in text) == ("█" in text or "▀" in text) == in_terminal
    assert "ABCD-EFGH" in text
    assert max(map(len, text.splitlines())) <= 160


def test_where_others_read_too_no_secret_is_shown(in_terminal: bool) -> None:
    text = invitation_text(INVITATION, with_link=False)
    assert "#1." not in text
    assert "ABCD-EFGH" in text


def test_a_relay_alone_shows_the_code_only(in_terminal: bool) -> None:
    alone = {name: value for name, value in INVITATION.items() if name != "link"}
    text = invitation_text(alone)
    assert INVITATION["relay_url"] in text
    assert ("▀" in text) == in_terminal
