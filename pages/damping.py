"""Lesson: Damping."""

from app import lesson, shared_problem


def page() -> None:
    lesson.title("Damping", "What does the number that everybody adds to the diagonal do?")
    shared_problem.mirror_in_url()


page()
