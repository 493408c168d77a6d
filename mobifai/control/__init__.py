"""The control socket, by which commands talk to the running process."""
