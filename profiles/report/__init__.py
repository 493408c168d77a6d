"""What a hunt tells: in the terminal, on a page, in a file. It judges nothing."""
