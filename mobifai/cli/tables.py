"""Prints tables without omissions, even in a narrow terminal window."""

from rich.console import Console
from rich.table import Table

LEAST_COLUMNS = 160


def print_table(table: Table) -> None:
    """Print a table without truncating cells. In a narrow terminal window, its lines wrap."""
    for column in table.columns:
        column.overflow = "fold"
    console = Console()
    console.width = max(console.width, LEAST_COLUMNS)
    console.print(table)
