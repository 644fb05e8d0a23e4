"""The parts of the page *Whole model*: the recorded study, and models quantized here."""
