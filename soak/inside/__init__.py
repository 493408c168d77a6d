"""The part of the harness inside the process under test: it counts, plants and traces there, when it is asked to."""
