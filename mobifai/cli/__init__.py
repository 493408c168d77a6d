"""The commands: each parses, builds its settings, runs and reports."""
