"""How bytes reach a phone: through a relay elsewhere, a relay in this process, or a data channel."""
