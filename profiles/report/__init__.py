"""The report of an investigation: in the terminal, on a page, in a file. It judges nothing."""
