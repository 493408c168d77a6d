"""The size of a viewer's screen. Pure."""

from dataclasses import dataclass

from mobifai.protocol.messages import ProcessCreate, TerminalResize


@dataclass(frozen=True, slots=True)
class ViewerSize:
    """Columns and rows in character cells; None until the viewer has sent its size."""

    cols: int | None = None
    rows: int | None = None

    @classmethod
    def of(cls, message: TerminalResize) -> "ViewerSize":
        """Return the size that a viewer has sent."""
        return cls(message.cols, message.rows)

    def for_new_terminal(self, message: ProcessCreate) -> "ViewerSize":
        """Return the size of a terminal that the viewer opens: the requested one, or the viewer's own."""
        return ViewerSize(
            self.cols if message.cols is None else message.cols,
            self.rows if message.rows is None else message.rows,
        )
