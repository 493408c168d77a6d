"""Foreign text on one line, for terminals, logs and Markdown."""

from mobifai.protocol.plain_text import plain


def one_line(text: str) -> str:
    """Return one line without control characters that can be encoded. Spaces are kept, for commands."""
    return plain(" ".join(text.splitlines()).encode(errors="backslashreplace").decode())


def markdown_text(text: str) -> str:
    """Return one line that is safe in a cell of a Markdown table."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
