"""example-soak/README.md: an introduction to the example of a soak report, in the directory of that report. Pure."""

from collections.abc import Mapping

from benchmarks.evidence.pages.clean_runs import smallest_table
from benchmarks.evidence.pages.parts import origin, table
from benchmarks.evidence.units import KindEvidence, UnitResult


def page(evidence: Mapping[str, KindEvidence]) -> str:
    """Return the page example-soak/README.md, given the results by kind."""
    own = evidence["example"]
    done = [one for one in own.last.values() if one.detail]
    parts = ["# A soak of 75 minutes\n", origin(own, "../evidence/results.jsonl"), *map(_run, done)]
    return "\n".join(parts)


def _unfilled(limits: Mapping[str, str]) -> list[str]:
    rows = ([f"`{name}`", why] for name, why in limits.items())
    return ["Limits that were not filled:\n", table(["limit", "why"], rows)] if limits else []


def _run(one: UnitResult) -> str:
    detail = one.detail
    filled, limits = detail["limits"]
    traffic = detail["traffic"]
    facts = [
        ["verdict", detail["verdict"]],
        ["cycles", f"{detail['cycles']:,}"],
        ["time", f"{detail['duration_s'] / 60:.0f} min"],
        ["bytes received, lost", f"{traffic['bytes_received']:,}, {traffic['lost']:,}"],
        ["limits filled to their capacity", f"{filled} of {limits}"],
    ]
    grown = [[f"`{gauge['name']}`", gauge["unit"], _rate(gauge["per_cycle"]), gauge["state"]]
             for gauge in detail["harness"]]  # fmt: skip
    parts = [
        f"`{one.command.replace('--report report --json', '--report example-soak')}`: the [report](report.html), with "
        "its [figures](report.json). Paths of that machine are shortened.\n",
        table(["", ""], facts),
        *_unfilled(detail["unfilled"]),
        "The smallest leak that it would have seen, for each cycle:\n",
        smallest_table([detail["smallest"]]),
        "The harness itself:\n",
        table(["gauge", "unit", "rise a cycle", "judged"], grown),
    ]
    return "\n".join(parts)


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:+,.3g}"
