"""Tables that are printed in full, whatever the width of the window."""

from rich.console import Console
from rich.table import Table

LEAST_COLUMNS = 160


def print_table(table: Table) -> None:
    """Print a table without truncating cells; a narrow window wraps its lines."""
    for column in table.columns:
        column.overflow = "fold"
    console = Console()
    console.width = max(console.width, LEAST_COLUMNS)
    console.print(table)
