"""The control socket, a Unix socket on which commands send requests to the running agent, relay or keeper."""
