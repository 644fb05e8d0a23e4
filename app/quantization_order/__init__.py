"""The parts of the lesson *Quantization order*."""
