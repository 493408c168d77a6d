"""The output of an invitation for users."""

import sys
from datetime import UTC, datetime

import pytest

from mobifai.access.devices import invitation_link
from mobifai.cli.invitation import invitation_text
from soak.phone.encryption import InvitationLink

DEVICE = "01234567-89ab-4cde-8f01-23456789abcd"
SECRET, KEY = bytes(range(16)), bytes(range(32))
PAGE = "http://192.168.1.7:8765/"
INVITATION = {
    "relay_url": "http://192.168.1.7:8765",
    "page_url": PAGE,
    "device_id": DEVICE,
    "code": "ABCD-EFGH",
    "expires_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    "link": invitation_link(PAGE, "ABCD-EFGH", SECRET, KEY, DEVICE),
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
    assert InvitationLink.read(INVITATION["link"]) == InvitationLink(PAGE, "ABCDEFGH", SECRET, KEY, DEVICE)


def test_the_link_is_shown_as_text_and_in_a_terminal_as_a_qr_code(in_terminal: bool) -> None:
    text = invitation_text(INVITATION)
    assert f"  {INVITATION['link']}" in text.splitlines()
    assert ("camera" in text) == ("█" in text or "▀" in text) == in_terminal
    assert max(map(len, text.splitlines())) <= 160


def test_an_invitation_for_a_legacy_app_is_a_code_with_its_consequences(in_terminal: bool) -> None:
    text = invitation_text({**INVITATION, "link": None})
    assert INVITATION["relay_url"] in text
    assert "ABCD-EFGH" in text
    assert "#" not in text
    assert "▀" not in text
    for word in ("does not encrypt", "listens", "runs the relay", "read everything", "mobifai devices revoke"):
        assert word in text


def test_an_invitation_for_an_agent_says_what_to_run(in_terminal: bool) -> None:
    text = invitation_text({**INVITATION, "link": None, "device_id": None, "account": "anna"})
    assert f"mobifai serve --relay {INVITATION['relay_url']}" in text
    assert "'anna'" in text
    assert "ABCD-EFGH" in text
