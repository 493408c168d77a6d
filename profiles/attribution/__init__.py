"""Attributes growth: finds the responsible lines of code from the evidence."""
