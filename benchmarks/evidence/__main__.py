"""`python -m benchmarks.evidence`, which `nox -s evidence` runs with the wheel installed."""

from pathlib import Path

from benchmarks.evidence.command import make_command
from benchmarks.evidence.kinds import KINDS

if __name__ == "__main__":
    make_command(KINDS, Path(__file__).resolve().parents[2]).main(prog_name="nox -s evidence --")
