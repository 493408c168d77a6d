"""The memory gate: whether a change makes memory grow, beside its base or beside figures that were stored."""
