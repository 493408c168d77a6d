"""Text of others on one line, for terminals, logs and Markdown. Pure."""

from mobifai.protocol.plain_text import plain


def one_line(text: str) -> str:
    """One line that drives no terminal and can be encoded. Blanks stay: commands have some."""
    return plain(" ".join(text.splitlines()).encode(errors="backslashreplace").decode())


def markdown_text(text: str) -> str:
    """One line that neither ends a cell of a Markdown table nor becomes a tag."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
