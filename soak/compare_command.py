"""The command `mobifai soak compare`.

It is not a subcommand of a click group, because the arguments of `mobifai soak` are names of scenarios.
"""

from pathlib import Path
from typing import Any

import click
import msgspec

from soak.option_types import PathName
from soak.output import checked_output, show
from soak.report.comparison import EXIT_STATUS, ComparisonOutcome, compare
from soak.report.comparison_text import text
from soak.report.directory import OtherSchema, read_report
from soak.report.files import ReportError, plain_values


@click.command(
    "compare",
    epilog="Exit status: 0 nothing is new or larger; 1 a finding is new, or its rate is more than 1.25 times the "
    "earlier one; 2 usage: BEFORE or AFTER is not the directory of a report; 3 the output can't be written; 4 the "
    "reports can't be compared: one is unfinished or has another schema version, AFTER has no verdict, or their "
    "scenarios or planted leaks differ.",
)
@click.argument("before", type=PathName())
@click.argument("after", type=PathName())
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare_reports(before: Path, after: Path, as_json: bool) -> int:
    """Compare two reports of `mobifai soak`: BEFORE and AFTER a change.

    Shows which findings are new, gone, larger or smaller, the rates and smallest leaks of both, which limits are newly
    or no longer filled, and the differences between the runs, whose seeds may differ. Each argument is the directory
    of a report.
    """
    try:
        found = compare(read_report(before), read_report(after))
    except OtherSchema as error:
        click.echo(f"mobifai: {error}", err=True)
        return EXIT_STATUS[ComparisonOutcome.INCOMPARABLE]
    except ReportError as error:
        raise click.UsageError(str(error)) from None
    shown = msgspec.json.encode(plain_values(msgspec.to_builtins(found))) + b"\n" if as_json else text(found)
    return show(shown, EXIT_STATUS[found.outcome])


class WithCompare(click.Command):
    """The class of the command `soak`. If its first argument is `compare`, the command `compare` runs instead."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """If the first argument is `compare`, create the context of that command; otherwise that of this command."""
        with checked_output():
            if args[:1] == [compare_reports.name]:
                return compare_reports.make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
            return super().make_context(info_name, args, parent=parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add the command `compare` to the help text of `soak`, below the options."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([("compare BEFORE AFTER", compare_reports.get_short_help_str(70))])
