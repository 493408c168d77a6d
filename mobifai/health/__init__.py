"""Checks the health of the running agent, reports its figures, and frees its memory."""
