"""What is said on the wire, as values and decisions. No I/O, no clock of its own."""
