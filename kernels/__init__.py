"""Quantized matrix products on a GPU, and the plain torch formulas that they must match.

Storing: `layout` how codes lie in words and outliers in lists (`outlier_tiles`) · `packing` into it
and out of it.

Multiplying: `reference` the specification, in plain torch · `cpu_matmul` for processors · `ssqr_matmul`
for GPUs, in Triton: `ssqr_gemv` one row of x, `ssqr_dot` up to 64, `ssqr_dequantize` more; they share
`unpacking` and `scratch`, and `launch` and `tuning` cut the work · `dispatch` chooses.

Using: `quantized_linear` in place of a linear layer · `decoder` a whole model · `generation` its text.

Measuring: `benchmark`, with its recorded runs in `results/` · `compiled` the machine code, counted.
Showing: `unpacking_steps` what becomes of one word.

Import the modules by name: this file imports nothing, because transformers looks for a package
called `kernels` and may import this one on a machine without Triton.
"""
