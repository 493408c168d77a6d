"""What the running process knows of itself, and the socket over which its owner asks."""
