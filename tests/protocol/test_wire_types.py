"""The phone page's message types: generated from the agent's, and never stale."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "page"


@pytest.fixture(scope="module")
def wire_types() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wire_types", PAGE / "scripts" / "wire_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_types_of_the_agents_messages(wire_types: ModuleType) -> None:
    written = (PAGE / "src" / "protocol" / "messages.ts").read_text()
    assert written == wire_types.generate(), "run `python page/scripts/wire_types.py`"


def test_what_a_sender_may_leave_out_is_optional(wire_types: ModuleType) -> None:
    generated = wire_types.generate()
    assert "  readonly conversation: number;\n" in generated
    assert "  readonly offset?: number;\n" in generated
    assert "  readonly combinations: readonly Combination[] | null;\n" in generated


def test_each_direction_has_a_table(wire_types: ModuleType) -> None:
    generated = wire_types.generate()
    for table, event in (
        ("FromPhone", "terminal:input"),
        ("FromAgent", "terminal:output"),
        ("ToRelay", "handshake:response"),
        ("FromRelay", "handshake:initiate"),
    ):
        _, _, body = generated.partition(f"export interface {table} {{")
        assert f'  readonly "{event}": ' in body.partition("}")[0]


def test_a_message_of_an_agent_that_a_relay_forwards_is_in_one_table_only(wire_types: ModuleType) -> None:
    tables = {name: set(table) for name, (table, _) in wire_types.TABLES.items()}
    assert tables["FromAgent"] & tables["FromRelay"] == {"e2e:refused"}
