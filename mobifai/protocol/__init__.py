"""The wire protocol, as values and state machines. No I/O, no clock of its own."""
