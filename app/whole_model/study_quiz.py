"""The question of the page: which of three loses least at one size?"""

from app.figures.numbers import short
from app.figures.study_marks import NAMES
from app.quiz import predict
from app.whole_model.findings import SIZE, TOLD_APART, damages_at, what_counts
from lattice_core.language_model.study_record import Study


def ask(study: Study) -> None:
    """Asked only if the study can answer it."""
    found = damages_at(study, SIZE, TOLD_APART)
    if len(found) < len(TOLD_APART):
        return
    answer, explanation = answered(study)
    predict(
        f"Stored with the same {SIZE:g} bits a weight, which loses least: a grid with nearest plane and a Huffman "
        "code, rounding to nearest without a grid, or nearest plane without a grid?",
        [NAMES[key] for key in TOLD_APART],
        answer,
        explanation,
        key=f"whole_model_{study.about.get('date', '')}",
    )


def answered(study: Study) -> tuple[str, str]:
    """The least KL at one stored size, and the numbers."""
    found = damages_at(study, SIZE, TOLD_APART)
    order = sorted(found, key=lambda key: found[key])
    told = ", ".join(f"{NAMES[key]} {short(found[key])}" for key in order)
    return NAMES[
        order[0]
    ], f"KL divergence at {SIZE:g} bits: {told}. {' '.join(what_counts(study))}"
