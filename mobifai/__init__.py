"""MobiFai: the terminals of this machine on a phone, from an agent that cannot grow."""

__version__ = "0.1.0"
