"""The parts of the lesson *Error and bound*."""
