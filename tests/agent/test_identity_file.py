"""The file with the agent's identity: what no relay accepts is replaced."""

import json
from pathlib import Path

import pytest

from mobifai.limits import MAX_ID
from mobifai.state import open_state


@pytest.mark.parametrize("device_id", ["", "x" * (MAX_ID + 1), "with blanks", "é", "a\nb"])
def test_an_id_that_no_relay_accepts_is_set_aside_and_replaced(device_id: str, tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state:
        first = state.device()
    file = tmp_path / "state" / "device.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "device_id": device_id}))
    with open_state(tmp_path / "state") as state:
        assert state.device().device_id not in (device_id, first.device_id)
    assert json.loads(file.read_text())["device_id"] != device_id
    assert len(list(file.parent.glob("device.json*"))) == 2


def test_an_id_of_the_greatest_length_is_kept(tmp_path: Path) -> None:
    with open_state(tmp_path / "state") as state:
        state.device()
    file = tmp_path / "state" / "device.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "device_id": "x" * MAX_ID}))
    with open_state(tmp_path / "state") as state:
        assert state.device().device_id == "x" * MAX_ID
