"""The wire protocol, as values and state machines. It does no I/O, and callers pass it the time."""
