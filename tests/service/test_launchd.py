"""The launchd agent: the definition as launchd reads it, and the commands for launchd."""

import plistlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.errors import ServiceError
from mobifai.service.commands import SystemCommands
from mobifai.service.definition import ServiceDefinition
from mobifai.service.launchd import Launchd, argv_of, plist_text
from tests.service.managers import LAUNCHCTL, PLUTIL, FakePath

words = st.text(st.characters(exclude_characters="\x7f", exclude_categories=("Cc", "Cs"), max_codepoint=0xD7FF))


def a_service(*options: str) -> ServiceDefinition:
    return ServiceDefinition(
        ("/bin/sh", "serve", *options), {"PATH": "/usr/bin:/bin", "LANG": "de_DE.UTF-8"}, Path("/Users/ann")
    )


@pytest.fixture
def fake(tmp_path: Path) -> FakePath:
    made = FakePath(tmp_path / "bin")
    made.add("launchctl", LAUNCHCTL)
    made.add("plutil", PLUTIL)
    return made


@pytest.fixture
def launchd(tmp_path: Path, fake: FakePath) -> Launchd:
    return Launchd(SystemCommands(str(fake.place)), tmp_path, 501, settle_seconds=5)


def test_installing_writes_the_agent_and_starts_it(launchd: Launchd, fake: FakePath, tmp_path: Path) -> None:
    assert launchd.install(a_service("--lan")) == []
    assert launchd.file == tmp_path / "Library/LaunchAgents/mobifai.agent.plist"
    written = plistlib.loads(launchd.file.read_bytes())
    assert written["ProgramArguments"] == ["/bin/sh", "serve", "--lan"]
    assert written["EnvironmentVariables"] == {"PATH": "/usr/bin:/bin", "LANG": "de_DE.UTF-8"}
    assert written["KeepAlive"] == {"SuccessfulExit": False}
    assert written["StandardErrorPath"] == "/dev/null"
    assert fake.calls("launchctl") == ["enable gui/501/mobifai.agent", f"bootstrap gui/501 {launchd.file}"]
    state = launchd.state()
    assert (state.installed, state.running, state.detail) == (True, True, "state running, pid 77, runs 1")


def test_installing_twice_restarts_nothing(launchd: Launchd, fake: FakePath) -> None:
    launchd.install(a_service())
    fake.calls("launchctl")
    launchd.install(a_service())
    assert fake.calls("launchctl") == ["enable gui/501/mobifai.agent", "kickstart gui/501/mobifai.agent"]


def test_other_options_load_it_again_after_the_old_one_is_gone(launchd: Launchd, fake: FakePath) -> None:
    launchd.install(a_service())
    fake.calls("launchctl")
    fake.mark("busy")
    launchd.install(a_service("--port=9"))
    bootstrap = f"bootstrap gui/501 {launchd.file}"
    assert fake.calls("launchctl") == [
        "enable gui/501/mobifai.agent",
        "bootout gui/501/mobifai.agent",
        bootstrap,
        bootstrap,
    ]
    assert launchd.state().argv == ("/bin/sh", "serve", "--port=9")


def test_uninstalling_leaves_nothing_and_may_be_done_twice(launchd: Launchd, fake: FakePath) -> None:
    launchd.install(a_service())
    assert launchd.uninstall() is True
    assert not fake.running and not launchd.file.exists()
    assert launchd.uninstall() is False


def test_without_a_desktop_the_error_says_what_to_do(launchd: Launchd, fake: FakePath) -> None:
    fake.mark("refuses")
    with pytest.raises(ServiceError, match=r"Domain does not support.*desktop session"):
        launchd.install(a_service())


def test_without_launchd_nothing_is_written(tmp_path: Path) -> None:
    launchd = Launchd(SystemCommands(str(tmp_path)), tmp_path, 501)
    with pytest.raises(ServiceError, match=r"expected launchd.*mobifai serve"):
        launchd.install(a_service())
    assert not launchd.file.exists()
    assert launchd.state().detail == "launchd not found"


def test_a_list_that_is_refused_is_not_written(launchd: Launchd, fake: FakePath) -> None:
    fake.add("plutil", 'echo "$2: Unexpected character" >&2; exit 1')
    with pytest.raises(ServiceError, match="Unexpected character"):
        launchd.install(a_service())
    assert not launchd.file.exists()


def test_a_service_that_does_not_stop_is_an_error(launchd: Launchd, fake: FakePath) -> None:
    launchd.install(a_service())
    fake.add("launchctl", LAUNCHCTL.replace('/bin/rm -f "$here/running"; ', ""))
    impatient = Launchd(SystemCommands(str(fake.place)), launchd.file.parents[2], 501, settle_seconds=0)
    with pytest.raises(ServiceError, match="did not stop"):
        impatient.uninstall()


def test_a_broken_list_has_no_command() -> None:
    for content in (b"", b"<plist>", b"<?xml version='1.0'?><plist><array/></plist>", b"bplist00"):
        assert argv_of(content) == ()


def test_what_no_list_can_hold_is_refused() -> None:
    with pytest.raises(ServiceError, match="special characters"):
        plist_text(a_service("--name=\uffff"))


@given(st.lists(words, max_size=5))
def test_the_command_of_a_list_is_read_as_it_was_written(options: list[str]) -> None:
    service = a_service(*options)
    assert argv_of(plist_text(service).encode()) == service.argv
