"""Writes the reports of `mobifai profile run` and `attach` as text, HTML, Markdown and JSON. Draws no conclusions."""
