"""Renders culprits.md: the lines that `mobifai profile run` named for each plant."""

from collections import Counter
from collections.abc import Mapping

from benchmarks.evidence.pages.parts import code, command, origin, table
from benchmarks.evidence.units import KindEvidence, UnitResult

WORDS = ("right", "near", "wrong", "unattributed", "missed")
MEANING = """\
*Right*: the first culprit is the plant's line, or is reached through the plant's line where that stands for a library.
*Near*: it is in the plant's function, or the plant's line is among those shown with it. *Wrong*: lines are named, and
none of them is. *Unattributed*: growth was seen, and no line named. *Missed*: no growth was seen.
"""


def page(evidence: Mapping[str, KindEvidence]) -> str:
    """Return the page culprits.md, given the results by kind."""
    own = evidence["culprits"]
    rows = [one for one in own.last.values() if one.detail]
    counts = Counter(one.detail["said"] for one in rows)
    failed = len(own.last) - len(rows)
    head = ["plant", "said", "first culprit", "kind", "confidence", "held by", "other culprits", "seconds"]
    parts = [
        "# Culprits of every plant\n",
        "Every leak that `mobifai soak` can plant, and every decoy, given to `mobifai profile run --plant NAME`.\n",
        origin(own),
        command(own),
        table(
            [*WORDS, "decoys silent", "decoys alarmed", "failed"],
            [[*(counts[word] for word in (*WORDS, "silent", "alarmed")), failed]],
        ),
        MEANING,
        table(head, map(_row, rows)),
    ]
    return "\n".join(parts)


def _row(one: UnitResult) -> list[object]:
    detail = one.detail
    words = [
        one.unit,
        detail["said"],
        code(detail["first"]),
        detail["kind"],
        detail["confidence"],
        code(detail["retained_by"]),
    ]
    return [*words, detail["others"] or "", round(one.seconds)]
