"""Finds the lines of code that are responsible for growth, given the measurements of a scenario."""
