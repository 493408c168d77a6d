"""The transports to a phone: through a relay elsewhere, through a relay in this process, or by data channel."""
