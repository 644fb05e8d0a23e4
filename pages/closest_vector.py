"""Lesson: Closest vector."""

from app import lesson, shared_problem


def page() -> None:
    lesson.title("Closest vector", "Why is quantizing a search for the closest point of a lattice?")
    shared_problem.mirror_in_url()


page()
