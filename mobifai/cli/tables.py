"""Tables for people, never cut: a table without its ends tells nobody anything."""

from rich.console import Console
from rich.table import Table

LEAST_COLUMNS = 160


def print_table(table: Table) -> None:
    """Print it in full; a narrow window wraps its lines."""
    for column in table.columns:
        column.overflow = "fold"
    console = Console()
    console.width = max(console.width, LEAST_COLUMNS)
    console.print(table)
