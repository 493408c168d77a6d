"""The systemd unit: the definition as systemd reads it, and the commands for systemd."""

import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.errors import ServiceError
from mobifai.service.commands import SystemCommands
from mobifai.service.definition import ServiceDefinition, minimal_environment
from mobifai.service.systemd import Systemd, argv_of, unit_text
from tests.service.managers import LOGINCTL, SYSTEMCTL, FakePath

words = st.text(st.characters(exclude_characters="\x7f", exclude_categories=("Cc", "Cs")))


def a_service(*options: str) -> ServiceDefinition:
    return ServiceDefinition(("/bin/sh", "serve", *options), {"PATH": "/usr/bin:/bin"}, Path("/"))


@pytest.fixture
def fake(tmp_path: Path) -> FakePath:
    made = FakePath(tmp_path / "bin")
    made.add("systemctl", SYSTEMCTL)
    made.add("loginctl", LOGINCTL)
    return made


@pytest.fixture
def systemd(tmp_path: Path, fake: FakePath) -> Systemd:
    return Systemd(SystemCommands(str(fake.place)), tmp_path / "config")


def test_installing_writes_the_unit_and_starts_it(systemd: Systemd, fake: FakePath, tmp_path: Path) -> None:
    notes = systemd.install(a_service("--lan"))
    assert systemd.file == tmp_path / "config/systemd/user/mobifai.service"
    assert "ExecStart=/bin/sh serve --lan\n" in systemd.file.read_text()
    assert stat.S_IMODE(systemd.file.stat().st_mode) == 0o644
    assert fake.calls("systemctl") == [
        "--user daemon-reload",
        "--user reset-failed mobifai.service",
        "--user enable --now mobifai.service",
    ]
    assert ["enable-linger" in note for note in notes] == [True]
    assert systemd.state().running and systemd.state().enabled and systemd.state().installed


def test_installing_twice_restarts_nothing(systemd: Systemd, fake: FakePath) -> None:
    systemd.install(a_service("--lan"))
    before = systemd.file.stat()
    systemd.install(a_service("--lan"))
    assert "--user restart mobifai.service" not in fake.calls("systemctl")
    assert systemd.file.stat().st_ino == before.st_ino


def test_other_options_restart_it(systemd: Systemd, fake: FakePath) -> None:
    systemd.install(a_service("--lan"))
    fake.calls("systemctl")
    systemd.install(a_service("--port=9"))
    assert fake.calls("systemctl")[-1] == "--user restart mobifai.service"
    assert systemd.state().argv == ("/bin/sh", "serve", "--port=9")
    assert list(systemd.file.parent.iterdir()) == [systemd.file]


def test_uninstalling_leaves_nothing_and_may_be_done_twice(systemd: Systemd, fake: FakePath) -> None:
    systemd.install(a_service())
    assert systemd.uninstall() is True
    assert not fake.running and not systemd.file.exists()
    assert systemd.uninstall() is False
    assert (systemd.state().installed, systemd.state().running) == (False, False)


def test_without_a_manager_nothing_is_written_and_the_error_says_what_to_do(systemd: Systemd, fake: FakePath) -> None:
    fake.mark("no-bus")
    with pytest.raises(ServiceError, match=r"Failed to connect to bus.*container.*mobifai serve.*enable-linger"):
        systemd.install(a_service())
    assert not systemd.file.exists()


def test_without_systemd_the_error_says_what_to_do(tmp_path: Path) -> None:
    systemd = Systemd(SystemCommands(str(tmp_path)), tmp_path)
    with pytest.raises(ServiceError, match=r"no systemctl.*In a container.*mobifai serve"):
        systemd.install(a_service())
    assert systemd.state().detail == "systemd not found"
    assert systemd.text(a_service()).startswith("# Written by")


def test_a_service_that_does_not_start_is_an_error(systemd: Systemd, fake: FakePath) -> None:
    fake.mark("refuses")
    with pytest.raises(ServiceError, match=r"Job for mobifai\.service failed"):
        systemd.install(a_service())


def test_a_unit_of_somebody_else_is_left_alone(systemd: Systemd) -> None:
    systemd.file.parent.mkdir(parents=True)
    systemd.file.write_text("[Service]\nExecStart=/bin/true\n")
    for act in (lambda: systemd.install(a_service()), systemd.uninstall):
        with pytest.raises(ServiceError, match="move it away first"):
            act()
    assert systemd.file.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_a_unit_that_systemd_refuses_is_not_written(systemd: Systemd, fake: FakePath) -> None:
    fake.add("systemd-analyze", 'echo "mobifai.service:9: bad" >&2; exit 1')
    with pytest.raises(ServiceError, match=r"rejects the unit: mobifai\.service:9: bad"):
        systemd.install(a_service())
    assert not systemd.file.exists()


def test_a_systemd_that_can_not_check_is_no_obstacle(systemd: Systemd, fake: FakePath) -> None:
    fake.add("systemd-analyze", 'echo "Failed to initialize manager" >&2; exit 1')
    systemd.install(a_service())
    assert fake.running


def test_a_directory_that_can_not_be_written_is_an_error(systemd: Systemd, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("in the way")
    with pytest.raises(ServiceError, match="can't be written"):
        systemd.install(a_service())


def test_control_characters_are_refused(systemd: Systemd) -> None:
    with pytest.raises(ServiceError, match="control characters"):
        systemd.install(a_service("--name=a\nExecStartPre=/bin/false"))


@pytest.mark.parametrize(("version", "backs_off"), [(253, False), (254, True)])
def test_only_a_systemd_with_increasing_delays_gets_them(version: int, backs_off: bool) -> None:
    text = unit_text(a_service(), version)
    assert ("RestartSteps=" in text) is backs_off
    assert ("StartLimitBurst=" in text) is not backs_off


@given(st.lists(words, max_size=5))
def test_the_command_of_a_unit_is_read_as_it_was_written(options: list[str]) -> None:
    service = a_service(*options)
    assert argv_of(unit_text(service, 255)) == service.argv


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is a part of Linux")
@pytest.mark.parametrize("version", [252, 255])
def test_systemd_itself_takes_the_unit(tmp_path: Path, version: int) -> None:
    odd = ServiceDefinition(
        ("/bin/sh", "-c", 'a "b" $HOME ${X} %h %% \\n é', "", "--state-dir=/tmp/a b"),
        {"PATH": "/usr/bin:/a b%/$x", "LANG": 'C"'},
        tmp_path,
    )
    remarks = Systemd(SystemCommands(), tmp_path)._verify(unit_text(odd, version))
    assert all("RestartSteps" in remark or "RestartMaxDelaySec" in remark for remark in remarks)


def test_the_environment_is_small_and_without_the_programs_own_place() -> None:
    given = {
        "PATH": "/v/bin:/usr/bin::/bin",
        "LANG": "C.UTF-8",
        "MOBIFAI_KEY": "secret",
        "SHELL": "/bin/zsh",
        "HOME": "/h",
    }
    assert minimal_environment(given, "/v") == {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SHELL": "/bin/zsh"}
