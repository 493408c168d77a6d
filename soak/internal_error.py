"""The message about an error that only a bug of this command can cause."""


def internal_error(error: Exception) -> str:
    """Return a message that names `error` and asks the user to report it."""
    return f"internal error: {error!r}. This is a bug: report it, with this message and the files of the report"
