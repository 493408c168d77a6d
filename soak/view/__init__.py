"""Progress, as a person sees it on a terminal or in a log."""
