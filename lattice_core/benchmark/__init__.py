"""How long the work on whole layers takes: ``python -m lattice_core.benchmark [parts]``.

`timing` says how it is measured · `layers` times single layers, with random weights and the Hessian
of random correlated inputs, for the time does not depend on the numbers · `model` times the real
model.
"""
