"""Lesson: Without clipping."""

from app import lesson, shared_problem


def page() -> None:
    lesson.title("Without clipping", "How can a code be kept that does not fit into its bits?")
    shared_problem.mirror_in_url()


page()
