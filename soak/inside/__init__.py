"""The part of the harness inside the process under test: control handlers that count, plant leaks and trace memory.

`control_handlers` has the handlers. The code that they need is imported on the first request.
"""
