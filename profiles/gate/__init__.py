"""The memory gate: compares a change with its base revision or stored figures, to test whether memory grows."""
