"""MobiFai: the terminals of this machine on a phone, from an agent whose memory has a fixed upper bound."""

__version__ = "0.1.0"
