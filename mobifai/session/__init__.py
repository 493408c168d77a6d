"""Sessions: each serves one connected phone, with its rights, encryption, transports and queues."""
