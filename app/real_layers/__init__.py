"""The parts of the laboratory page *Real layers*: its choices, its work and its three views."""
