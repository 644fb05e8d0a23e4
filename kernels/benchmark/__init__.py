"""How fast the products are, and against what: ``python -m kernels.benchmark``.

- `shapes` of layers; `cases` which products of them, with weights drawn at random
- `contenders` ours, the library's, and those of others
- `timing` how a call is timed, the copy bandwidth, the cost of a launch
- `measure` a case with all its contenders; `compare` ratios and limits
- `decoding` tokens per second of whole models
- `entropy_decoding` what reading entropy-coded weights costs
- `record` a run as JSON, with what it ran on; recorded runs lie in `kernels/results/`
"""
