"""Makes text of any origin (names, commands, errors) safe on one line of a terminal, a log or a Markdown table."""

from mobifai.protocol.plain_text import plain


def one_line(text: str) -> str:
    """Return the text on one line, without control characters and without characters that can't be encoded. Spaces are
    kept, because commands contain them.
    """
    return plain(" ".join(text.splitlines()).encode(errors="backslashreplace").decode())


def markdown_text(text: str) -> str:
    """Return one line that is safe in a cell of a Markdown table."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
