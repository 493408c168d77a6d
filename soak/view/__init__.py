"""Views of the progress of a run: live on a terminal, or lines in a log."""
