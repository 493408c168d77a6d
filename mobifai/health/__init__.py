"""Checks the health of the running agent, reports its figures, and frees memory that it does not need."""
