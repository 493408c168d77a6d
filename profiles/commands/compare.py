"""`mobifai profile compare`: compares two reports."""

from pathlib import Path

import click
import msgspec

from profiles import comparison as side_by_side
from profiles.report.directory import read_profile
from profiles.subcommand import Subcommand
from soak.harness.identity import product
from soak.option_table import usable
from soak.option_types import PathName
from soak.output import rendered, show


@click.command(
    cls=Subcommand,
    epilog="Exit status: 0 no cause of growth is new or larger; 1 a cause is new or larger; 2 wrong usage; 3 "
    "the output can't be written; 4 the runs had different settings (seed, plant, scenarios, platform), one of the "
    "reports has no verdict, or the command was interrupted.",
)
@click.argument("before", type=PathName())
@click.argument("after", type=PathName())
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(before: Path, after: Path, as_json: bool) -> int:
    """Compare two reports of `mobifai profile`.

    Shows the causes of growth that are new in AFTER, gone, larger or smaller, and those that can't be compared because
    only one of the reports examined them. Each argument is the directory of a report, or its report.json.
    """
    earlier, later = usable(lambda: read_profile(before)), usable(lambda: read_profile(after))
    found = side_by_side.compare(earlier, later, product())
    text = side_by_side.comparison_text(found)
    status = side_by_side.EXIT_STATUS[found.verdict]
    return show(msgspec.json.encode(found) + b"\n" if as_json else rendered(text), status)
