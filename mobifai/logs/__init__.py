"""The log, on standard error and in rotating files. Repeated messages are counted instead of written."""
