"""The log: to standard error and to rotating files, with repeats counted."""
