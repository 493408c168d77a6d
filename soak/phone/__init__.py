"""Synthetic phones: what a phone sends, receives and checks."""
