"""The parts of the lesson *Lattice reduction*."""
