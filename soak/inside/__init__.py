"""The part of the harness inside the process under test: control handlers that count, plant leaks and trace memory.

`questions` has the handlers; they are loaded on the first request.
"""
