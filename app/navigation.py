"""The one list of pages."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

PAGES_FOLDER = Path(__file__).resolve().parents[1] / "pages"


@dataclass(frozen=True)
class Chapter:
    """A page as the navigation and the map on Home show it."""

    file: str
    title: str
    question: str
    icon: str
    section: str


CHAPTERS = (
    Chapter("home.py", "Home", "What is this about?", ":material/home:", ""),
    Chapter(
        "closest_vector.py",
        "Closest vector",
        "Why is quantizing a search for the closest point of a lattice?",
        ":material/my_location:",
        "Lessons",
    ),
    Chapter(
        "nearest_plane.py",
        "Nearest plane",
        "How do you round when the axes are not at right angles?",
        ":material/layers:",
        "Lessons",
    ),
    Chapter(
        "gptq_is_babai.py",
        "GPTQ is Babai",
        "Why do two algorithms, thirty-six years apart, give the same integers?",
        ":material/sync_alt:",
        "Lessons",
    ),
    Chapter(
        "error_and_bound.py",
        "Error and bound",
        "How wrong can the rounding be, and how wrong is it usually?",
        ":material/crop_square:",
        "Lessons",
    ),
    Chapter(
        "quantization_order.py",
        "Quantization order",
        "Which weight should be rounded first?",
        ":material/sort:",
        "Lessons",
    ),
    Chapter(
        "damping.py",
        "Damping",
        "What does the number that everybody adds to the diagonal do?",
        ":material/water_drop:",
        "Lessons",
    ),
    Chapter(
        "lattice_reduction.py",
        "Lattice reduction",
        "Does a better basis of the same lattice give better codes?",
        ":material/grid_on:",
        "Lessons",
    ),
    Chapter(
        "beyond_babai.py",
        "Beyond Babai",
        "What is there to gain by looking at more than one plane?",
        ":material/account_tree:",
        "Lessons",
    ),
    Chapter(
        "without_clipping.py",
        "Without clipping",
        "How can a code be kept that does not fit into its bits?",
        ":material/all_inclusive:",
        "Lessons",
    ),
    Chapter(
        "real_layers.py",
        "Real layers",
        "Which order is best on the layers of a real language model?",
        ":material/science:",
        "Laboratory",
    ),
    Chapter(
        "audit.py",
        "Audit",
        "What is somebody else's quantized layer worth?",
        ":material/fact_check:",
        "Laboratory",
    ),
    Chapter(
        "whole_model.py",
        "Whole model",
        "How many bits does a language model need?",
        ":material/hub:",
        "Laboratory",
    ),
    Chapter(
        "gpu_kernels.py",
        "GPU kernels",
        "What does a model gain from few bits, when it runs?",
        ":material/developer_board:",
        "Laboratory",
    ),
    Chapter(
        "glossary.py",
        "Glossary",
        "What does that word mean, on either side?",
        ":material/translate:",
        "Reference",
    ),
    Chapter(
        "sources.py",
        "Laws and sources",
        "Who says so, and where can it be checked?",
        ":material/menu_book:",
        "Reference",
    ),
)


def pages() -> dict[str, list[st.Page]]:
    """The pages by section, as ``st.navigation`` wants them."""
    sections: dict[str, list[st.Page]] = {}
    for chapter in CHAPTERS:
        sections.setdefault(chapter.section, []).append(page_of(chapter.file))
    return sections


def page_of(file: str) -> st.Page:
    """A page by its file's name, for navigation and links."""
    chapter = next(chapter for chapter in CHAPTERS if chapter.file == file)
    return st.Page(
        PAGES_FOLDER / file,
        title=chapter.title,
        icon=chapter.icon,
        default=file == "home.py",
    )


def is_laboratory(page: st.Page) -> bool:
    """Whether a page works on real layers; the others show the shared problem."""
    laboratory = {chapter.title for chapter in CHAPTERS if chapter.section == "Laboratory"}
    return page.title in laboratory
