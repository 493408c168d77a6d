"""`mobifai profile compare`: lays two reports side by side."""

from pathlib import Path

import click
import msgspec

from profiles import compare as side_by_side
from profiles.report.directory import read_profile
from profiles.results import EXIT_STATUS
from profiles.subcommand import rendered, show, usable
from soak.option_types import PathName


@click.command(
    epilog="Exit status: 0 nothing is new or larger; 1 something is; 2 usage: the options can't be used; 3 it failed; "
    "4 the later report has no verdict, or it was interrupted."
)
@click.argument("before", type=PathName())
@click.argument("after", type=PathName())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def compare(before: Path, after: Path, as_json: bool) -> int:
    """Compare two reports of `mobifai profile`: BEFORE and AFTER a change.

    Shows what is new in AFTER, what is gone, and what has become larger. Each is the directory of a report, or its
    report.json.
    """
    earlier, later = usable(lambda: read_profile(before)), usable(lambda: read_profile(after))
    found = side_by_side.compare(earlier, later)
    if found.new or found.larger:
        status = EXIT_STATUS["found"]
    else:
        status = 0 if later.verdict in ("clean", "found") else EXIT_STATUS["inconclusive"]
    text = side_by_side.comparison_text(found)
    return show(msgspec.json.encode(found) + b"\n" if as_json else rendered(text), status)
