"""Lesson: Lattice reduction."""

from app import lesson, shared_problem


def page() -> None:
    lesson.title("Lattice reduction", "Does a better basis of the same lattice give better codes?")
    shared_problem.mirror_in_url()


page()
