"""MobiFai shows the terminals of this machine on a phone. The memory of its agent has a fixed upper bound."""

__version__ = "0.1.0"
