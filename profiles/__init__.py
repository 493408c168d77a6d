"""The hunt: which line makes memory grow, and what holds it."""
