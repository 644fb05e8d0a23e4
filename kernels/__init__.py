"""Quantized matrix products on a GPU, and the plain torch formulas that they must match.

- `kernels.packing` stores codes, scales and outliers in few bits and takes them out again.
- `kernels.reference` is the specification, in torch.
- `kernels.ssqr_matmul` is the Triton kernel.
- `kernels.dispatch` chooses between them.
- `kernels.benchmark` measures them; its results are in `kernels/results/`.

Import the modules by name: this file imports nothing, because transformers looks for a package
called `kernels` and may import this one on a machine without Triton.
"""
