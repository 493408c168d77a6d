"""Measurements in fresh agents that say what grows and with what."""
