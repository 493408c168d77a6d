"""The message for an unexpected error, which can only be a bug of MobiFai."""


def internal_error(error: Exception) -> str:
    """Return a message that names `error` and asks the user to report it."""
    return f"internal error: {error!r}. This is a bug: report it, with this message and the files of the report"
