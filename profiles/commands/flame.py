"""`mobifai profile flame`: writes memray's flame graph of the running agent."""

import asyncio
from pathlib import Path

import click

from mobifai.cli.control_client import run
from mobifai.cli.settings import state_dir_option
from mobifai.errors import CommandError
from mobifai.state import StateDir
from profiles import flame as window
from profiles.options import for_option
from profiles.subcommand import INTERRUPTED, LOOK_EPILOG, Subcommand, interruption
from profiles.windows import LONGEST_FLAME
from profiles.writable import check_writable
from soak.option_table import usable
from soak.option_types import PathName
from soak.output import show
from soak.shell_quoting import quoted


@click.command(cls=Subcommand, epilog=LOOK_EPILOG)
@for_option("30s", LONGEST_FLAME)
@click.option("--out", type=PathName(), metavar="FILE", default="flame.html", show_default=True,
              help="HTML file to write the flame graph to.")  # fmt: skip
@click.option("--native", is_flag=True, help="Also show the frames of C functions.")
@click.option(
    "--kept",
    is_flag=True,
    help="Show the memory that is still allocated at the end, instead of the memory at its peak.",
)
@state_dir_option
def flame(seconds: float, out: Path, native: bool, kept: bool, state_dir: Path) -> int:
    """Write memray's flame graph of what the running agent allocates.

    Ctrl-C ends the tracing early, and the flame graph shows what was traced by then.
    """
    usable(window.check_memray)
    page, stop = usable(lambda: check_writable(out, "--out")), interruption()
    stop.hold()
    try:
        took = run(window.flame(StateDir(state_dir).control_socket, seconds, page, stop, native=native, kept=kept))
    except asyncio.CancelledError:
        raise CommandError(
            f"interrupted before the flame graph was drawn; {out} was not written", INTERRUPTED
        ) from None
    return show(f"{quoted(str(out))}: {_shown(took, kept=kept)}\n", INTERRUPTED if took.interrupted else 0)


def _shown(took: window.TracedWindow, *, kept: bool) -> str:
    """Return a description of the flame graph: it shows the memory at its peak, or with `kept` what was not freed."""
    seconds = f"{took.seconds:.3g} s"
    early = " (interrupted)" if took.interrupted else ""
    if kept:
        return f"memory that was allocated within {seconds}{early} and not freed by the end"
    return f"memory that was allocated within {seconds}{early}, at its peak"
