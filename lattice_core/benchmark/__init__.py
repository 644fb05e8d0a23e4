"""How long the work on whole layers takes: ``python -m lattice_core.benchmark [parts]``.

`timing` says how it is measured · `layers` times single layers, with random weights and the Hessian
of random correlated inputs: the time does not depend on the numbers, but for ssqr, whose search
takes 3 to 14 runs · `model` and `whole_model` time the real model, their long
parts once.
"""
