"""Inputs and outputs of the layers that are timed, by their size or the model that has them.

Needs no torch, so that a page can name them where it is missing.
"""

SHAPES = {
    "4096x4096": (4096, 4096),
    "4096x14336": (4096, 14336),
    "8192x28672": (8192, 28672),
    "smollm2-q": (576, 576),
    "smollm2-up": (576, 1536),
    "smollm2-down": (1536, 576),
    "qwen3-0.6b-up": (1024, 3072),
    "qwen3-0.6b-down": (3072, 1024),
}
LARGE = ("8192x28672",)  # too slow for a processor unless asked for
