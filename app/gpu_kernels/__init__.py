"""The parts of the page *GPU kernels*: how they work, how fast they are, what they write."""
