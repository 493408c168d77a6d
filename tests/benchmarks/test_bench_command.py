"""The benchmark's command as users run it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.extended

ROOT = Path(__file__).parents[2]
# The installed package takes precedence over the checkout.
COMMAND = f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module({{!r}}, run_name='__main__')"


def run_bench(*words: str, module: str = "benchmarks.bench") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", COMMAND.format(module), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=150,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def cells_in(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = map(json.loads, path.read_text().splitlines())
    return {(line["peer"], line["row"]): line for line in lines if line["type"] == "cell"}


@pytest.mark.timeout(180)
def test_a_quick_run_measures_real_peers_and_writes_the_page(tmp_path) -> None:
    jsonl, out = tmp_path / "bench.jsonl", tmp_path / "page.md"

    ended = run_bench(
        *(
            "--quick",
            "--rounds",
            "1",
            "--peers",
            "mobifai,mobifai-relay,terminado",
            "--rows",
            "connect,echo,file,flood,churn",
        ),
        *("--jsonl", str(jsonl), "--out", str(out)),
    )

    assert ended.returncode == 0, ended.stderr
    cells = cells_in(jsonl)
    for row in ("echo-idle-p50", "echo-seen-p99", "file", "stopped-memory", "churn-descriptors"):
        for peer in ("mobifai", "mobifai-relay"):
            assert cells[peer, row]["value"] is not None, cells[peer, row]["reason"]
        other = cells["terminado", row]
        assert other["value"] is not None or "terminado: can't be installed" in other["reason"]
    assert cells["mobifai", "channel"]["value"] > 0
    assert cells["mobifai-relay", "channel"]["value"] is None
    assert "## Where MobiFai is behind" in out.read_text()


def test_the_data_channel_alone_is_measured_beside_the_library_that_it_is_on() -> None:
    ended = run_bench("1", "1000000", module="benchmarks.channel")

    assert ended.returncode == 0, ended.stderr
    rows = [line.split(" | ")[0] for line in ended.stdout.splitlines()]
    assert "| aiortc alone, from memory" in rows
    assert "| MobiFai's channel alone, from memory" in rows
    assert "| MobiFai, data channel" in rows


def test_a_run_without_new_measurements_writes_the_page_again(tmp_path) -> None:
    jsonl, out = tmp_path / "bench.jsonl", tmp_path / "page.md"
    jsonl.write_text('{"type":"cell","round":1,"peer":"mobifai","row":"start","value":1.0}\n')

    ended = run_bench("--join", "--jsonl", str(jsonl), "--out", str(out))

    assert ended.returncode == 0, ended.stderr
    assert "| start until a client can connect, s | 1.00 |" in out.read_text()


@pytest.mark.parametrize(("option", "what"), [("--rows", "row or station"), ("--peers", "peer")])
def test_a_name_that_is_not_known_is_answered_with_those_that_are(option: str, what: str) -> None:
    ended = run_bench(option, "nobody")

    assert ended.returncode == 2
    assert f"expected a {what} among" in ended.stderr.replace("\n", " ")
