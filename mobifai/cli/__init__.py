"""The commands of `mobifai`. Each parses its options, builds settings from them, runs, and reports."""
