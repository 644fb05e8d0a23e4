"""A small language model: loading, calibration, quantization and evaluation."""
