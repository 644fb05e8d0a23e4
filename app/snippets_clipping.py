"""The lines of Python of the lesson on living without clipping."""

from app.snippets import problem_in_python
from lattice_core import Problem


def without_clipping_snippet(problem: Problem, bits: int, outliers: int, size: float) -> str:
    """The problem clipped and kept, SSQR on the toy row, HPTQ on the toy layer."""
    return f"""\
from dataclasses import replace
from lattice_core import Problem
from lattice_core.toy_row import toy_search

clipped = {problem_in_python(problem)}
kept = replace(clipped, bits=None)
print(clipped.gptq.codes, clipped.gptq.squared_distance)
print(kept.gptq.codes, kept.gptq.squared_distance)

run, trials = toy_search(bits={bits}, outliers={outliers})  # SSQR, its factor bisected
print(run.row.factor, run.trace.outliers, run.loss, run.trace.cost)

# From here on with torch: HPTQ with a Huffman coder on a toy layer.
import torch
from lattice_core.layers import quantize_layer
from lattice_core.toy_layer import toy_layer

layer = toy_layer()
weight, hessian = torch.tensor(layer.weights), torch.tensor(layer.hessian)
found = quantize_layer(weight, hessian, "hptq", bits={size}, coder="huffman")
stored = found.store()
assert (stored.decode().codes == found.codes).all()
print(found.scale_factor, found.bits_per_weight, len(stored.stream), len(stored.side))
"""
