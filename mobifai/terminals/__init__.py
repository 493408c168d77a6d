"""Shells on pseudo-terminals, and the tabs that phones see of them."""
