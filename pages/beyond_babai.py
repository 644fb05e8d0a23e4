"""Lesson: Beyond Babai."""

from app import lesson, shared_problem


def page() -> None:
    lesson.title("Beyond Babai", "What is there to gain by looking at more than one plane?")
    shared_problem.mirror_in_url()


page()
