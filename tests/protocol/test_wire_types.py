"""The phone page's types of messages: generated from the agent's, and never stale."""

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
