"""The command that measures slow networks: its options, and the lines that it writes."""

from click.testing import CliRunner

from benchmarks.impairment import HEAD, NetworkRow, main


def test_a_wire_or_a_peer_that_there_is_not_is_reported_with_those_that_there_are() -> None:
    for option, known in (("--wires", "50 ms RTT"), ("--peers", "mobifai-relay")):
        ended = CliRunner().invoke(main, [option, "nonsense"])
        assert ended.exit_code == 2
        assert "found 'nonsense'" in ended.output
        assert known in " ".join(ended.output.split())


def test_every_line_has_as_many_cells_as_the_head_also_where_nothing_was_measured() -> None:
    lines = [
        *HEAD.splitlines(),
        str(NetworkRow("none", "mobifai")),
        str(NetworkRow("all", "mobifai-relay", {"ping": "50.1 ms"})),
    ]
    assert len({line.count("|") for line in lines}) == 1
    assert "| all | MobiFai, relay alone | 50.1 ms | – |" in lines[-1]
