"""The control socket, on which commands send requests to the running process."""
