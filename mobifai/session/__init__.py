"""A phone that is connected: what it sends, what it gets, its encryption and its paths."""
