"""Every renderer of the agent's status shows the figures that name it, and no others.

A changed value shows which figures a renderer reads. So a new field of `AgentStatus` fails here until it is rendered
where its `Figure` says.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, make_dataclass, replace
from typing import Annotated, Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from mobifai.agent.status import health_message
from mobifai.cli.status import agent_text, limits_table, worst_case_text
from mobifai.health.figure import Figure, Shown, declared
from mobifai.health.metrics import StatusCollector
from mobifai.health.monitor import report
from mobifai.health.status import AgentStatus, HealthCheck
from tests.health.sample import CHECK, STATUS

LIMIT = 512 * 10**6


def command_text(status: AgentStatus) -> str:
    """The output of `mobifai status` and `mobifai status --limits`."""
    console = Console(width=200)
    with console.capture() as table:
        console.print(limits_table(status.bounds))
    return f"{agent_text(status)}\n{table.get()}\n{worst_case_text(status.worst_case_bytes)}"


def page_message(status: AgentStatus) -> bytes:
    return msgspec.json.encode(health_message(status))


def metrics_text(status: AgentStatus) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(lambda: status))
    return generate_latest(registry).decode()


def log_text(check: HealthCheck) -> str:
    return report(check, LIMIT)


def changed(value: Any) -> Any:
    """Return another value of the same type, which differs even after rounding."""
    match value:
        case bool():
            return not value
        case "connected":
            return "disconnected"
        case "channel":
            return "relay"
        case str():
            return f"{value}x"
        case int() | float():
            return 3 * value + 100
        case dict():
            return {key: changed(number) for key, number in value.items()}
        case tuple():
            return value[1:]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: changed(getattr(value, field.name)) for field in fields(value)})
    raise TypeError(f"no other value is known for {value!r}")


def reads(render: Callable[[Any], object], values: Any) -> set[str]:
    """Return the figures whose change affects the output."""
    before = render(values)
    return {name for name in declared(type(values)) if render(with_changed(values, name)) != before}


def with_changed(values: Any, name: str) -> Any:
    return replace(values, **{name: changed(getattr(values, name))})


def figures_shown(kind: type, where: Shown) -> set[str]:
    return {name for name, figure in declared(kind).items() if where & figure.shown}


@pytest.mark.parametrize(("render", "where"), [(command_text, Shown.TEXT | Shown.LINE), (page_message, Shown.PAGE)])
def test_the_command_and_the_page_show_exactly_their_figures(
    render: Callable[[AgentStatus], object], where: Shown
) -> None:
    assert reads(render, STATUS) == figures_shown(AgentStatus, where)


def test_prometheus_exports_exactly_the_figures_with_a_metric() -> None:
    assert reads(metrics_text, STATUS) == {name for name, figure in declared(AgentStatus).items() if figure.metric}


def test_the_health_check_logs_exactly_its_figures() -> None:
    assert reads(log_text, CHECK) == figures_shown(HealthCheck, Shown.LOG)


def test_json_has_every_figure_and_is_read_back() -> None:
    answer = msgspec.json.decode(msgspec.json.encode(STATUS))
    assert set(answer) == set(declared(AgentStatus))
    assert set(answer["last_check"]) == set(declared(HealthCheck))
    assert msgspec.convert(answer, AgentStatus) == STATUS


def test_the_status_of_an_older_agent_without_newer_figures_is_read() -> None:
    answer = msgspec.json.decode(msgspec.json.encode(STATUS))
    for newer in ("webrtc", "behind_bytes", "confirmed", "phone_idle_s", "phones"):
        del answer[newer]
    status = msgspec.convert(answer, AgentStatus)
    assert status.memory_bytes == STATUS.memory_bytes
    assert "Phone      phone-1 over the data channel" in agent_text(status)


def test_a_new_figure_reaches_json_and_prometheus_without_another_line() -> None:
    kind = make_dataclass(
        "Newer",
        [("open_files", Annotated[int, Figure("Files open in the editor", metric="mobifai_open_files")])],
        bases=(AgentStatus,),
        frozen=True,
        kw_only=True,
    )
    status = kind(**{name: getattr(STATUS, name) for name in declared(AgentStatus)}, open_files=7)
    assert msgspec.json.decode(msgspec.json.encode(status))["open_files"] == 7
    assert "# HELP mobifai_open_files Files open in the editor\n" in metrics_text(status)
    assert "mobifai_open_files 7.0\n" in metrics_text(status)


def test_a_figure_that_a_renderer_leaves_out_is_noticed() -> None:
    kind = make_dataclass(
        "Newer",
        [("open_files", Annotated[int, Figure("Files open in the editor", shown=Shown.TEXT)])],
        bases=(AgentStatus,),
        frozen=True,
        kw_only=True,
    )
    status = kind(**{name: getattr(STATUS, name) for name in declared(AgentStatus)}, open_files=7)
    assert figures_shown(kind, Shown.TEXT) - reads(command_text, status) == {"open_files"}


def test_a_field_without_a_figure_is_refused() -> None:
    @dataclass(frozen=True)
    class Undeclared:
        open_files: int

    with pytest.raises(TypeError, match=r"Undeclared\.open_files: expected one Figure in its annotation, found 0"):
        declared(Undeclared)


def test_every_figure_has_a_description_and_bytes_and_seconds_have_their_unit() -> None:
    units = {"_bytes": "bytes", "_s": "seconds", "_seconds": "seconds", "_percent": "percent"}
    for name, figure in (declared(AgentStatus) | declared(HealthCheck)).items():
        assert figure.description, name
        assert figure.unit == next((unit for suffix, unit in units.items() if name.endswith(suffix)), ""), name


def test_a_labelled_figure_reaches_the_command_and_the_page_without_another_line() -> None:
    figure = Figure("Time since the last backup", "seconds", shown=Shown.LINE | Shown.PAGE, label="Backup")
    kind = make_dataclass(
        "Newer", [("backup_s", Annotated[float, figure])], bases=(AgentStatus,), frozen=True, kw_only=True
    )
    status = kind(**{name: getattr(STATUS, name) for name in declared(AgentStatus)}, backup_s=4000.0)
    assert "\nBackup     1 h 6 min\n" in agent_text(status)
    assert {"label": "Backup", "value": 4000.0, "unit": "seconds"} in msgspec.json.decode(page_message(status))["facts"]
