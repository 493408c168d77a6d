"""The memory gate: tests whether a change makes memory grow, against its base revision or stored figures."""
