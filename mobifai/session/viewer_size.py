"""The size of a viewer's screen. This module does no I/O."""

from dataclasses import dataclass

from mobifai.protocol.messages import ProcessCreate, TerminalResize


@dataclass(frozen=True, slots=True)
class ViewerSize:
    """The columns and rows of a viewer's screen, in character cells; None until the viewer has sent them."""

    cols: int | None = None
    rows: int | None = None

    @classmethod
    def of(cls, message: TerminalResize) -> "ViewerSize":
        """Return the size in a viewer's message."""
        return cls(message.cols, message.rows)

    def for_new_terminal(self, message: ProcessCreate) -> "ViewerSize":
        """Return the size of a terminal that the viewer opens: the size in the message, or else the viewer's own."""
        return ViewerSize(
            self.cols if message.cols is None else message.cols,
            self.rows if message.rows is None else message.rows,
        )
