"""K-best and coordinate descent on layers of the packaged model, as recorded."""

import numpy as np
import streamlit as st

from app.beyond_babai.whole_layer import whole_layer
from app.chart import chart
from app.figures.numbers import percent, short
from app.figures.search_gains import decoder_name, search_gains, share_range
from lattice_core.recorded_search_study import Decoder, RecordedSearchStudy, recorded_search_study

WIDTHS = tuple(Decoder("k_best", k, "good", "keep") for k in (4, 16, 64))
SHOWN = (*WIDTHS, Decoder("coordinate_descent", 1, "good", "keep"))


def real_layers() -> None:
    """The recorded study: gains on both texts, what they cost, and the rest as a table."""
    study = recorded_search_study()
    st.subheader("On real layers", anchor="real")
    st.markdown(
        f"{len(study.layers)} layers of {study.model}, with the Hessian of {study.tokens:,} tokens. The codes are "
        f"judged twice: on that text, and on {study.held_out_tokens:,} tokens of another that no calibration saw. "
        f":blue-badge[:material/history: real, recorded {study.date}]"
    )
    picture, words = st.columns([3, 2], gap="large")
    findings = _findings(study)
    with picture:
        chart(
            search_gains,
            study,
            SHOWN,
            key="search_gains",
            alt=" ".join(findings).replace("**", ""),
        )
    with words:
        st.markdown("\n".join(f"- {finding}" for finding in findings))
    st.markdown(_table(study))
    st.caption(
        "Taken off: share of nearest plane's loss with the same order and grid, median of the "
        "layers. Bits: what that is worth in bits a weight if the codes are compressed (*Without clipping*), "
        "$\\frac12\\log_2$ of the ratio of the losses, less the growth of the codes' entropy. Seconds: of one "
        f"processor core, median of the {int(np.median(study.columns))}-input layers. "
        f"Windows of {study.window} tokens drawn from {study.text} and {study.held_out_text}; {study.bits} bits, "
        f"groups of {study.group_size}, {study.scale_rule} scales, λ = {study.damping:g}. "
        f"Good order: {study.order}; bad: its reverse. K-best: each partial code offers its two nearest integers. "
        f"Recorded {study.date} with `{study.command} --record`."
    )
    whole_layer()


def _findings(study: RecordedSearchStudy) -> list[str]:
    found = []
    for decoder in WIDTHS:
        calibrated, held_out = study.taken_off(decoder)
        found.append(
            f"**{decoder_name(decoder)}** takes {share_range(calibrated)} off the loss, and "
            f"{share_range(held_out)} on held-out text."
        )
    good, bad = (
        study.taken_off(Decoder("coordinate_descent", 1, order, overflow))[0]
        for order, overflow in (("good", "keep"), ("reversed", "clip"))
    )
    found.append(
        f"**Coordinate descent** takes {share_range(good)} off in a good order without clipping, and "
        f"**{share_range(bad)}** in a bad order with clipping: it repairs what the order has spoilt."
    )
    moved, beam = (study.taken_off(decoder)[0] for decoder in (SHOWN[-1], WIDTHS[1]))
    found.append(
        f"In {int(np.sum(moved > beam))} of the {len(study.layers)} layers those moves take more off than K = 16 "
        "does. The partial codes kept soon agree on what was rounded early, and a move can still change it."
    )
    repaired = study.loss[study.place("coordinate_descent", 1, "reversed", "clip")]
    plain = study.loss[study.place("nearest_plane", 1, "good", "clip")]
    worse = float(np.median(repaired / plain))
    found.append(
        f"Even repaired, the bad order loses **{short(worse)} times** what nearest plane loses in the good "
        "one (median, both clipped)."
        if worse > 1
        else f"Repaired, the bad order loses {short(worse)} times what nearest plane loses in the good one "
        "(median, both clipped)."
    )
    return found


def _table(study: RecordedSearchStudy) -> str:
    rows = [
        "| search | order | codes | taken off | on held-out text | bits | seconds |",
        "|:--|:--|:--|--:|--:|--:|--:|",
    ]
    narrow = study.columns == int(np.median(study.columns))
    for place, decoder in enumerate(study.decoders):
        seconds = short(round(float(np.median(study.seconds[place][narrow])), 2))
        order = {"good": "good", "reversed": "bad"}[decoder.order]
        codes = {"keep": "kept", "clip": "clipped"}[decoder.overflow]
        cells = ["–"] * 3
        if decoder.search != "nearest_plane":
            cells = [percent(float(np.median(shares))) for shares in study.taken_off(decoder)]
            cells.append(f"{float(np.median(study.bits_at_equal_entropy(decoder))):.3f}")
        name = decoder_name(decoder)
        rows.append(f"| {name} | {order} | {codes} | {' | '.join(cells)} | {seconds} |")
    return "\n".join(rows).replace("-0.", "−0.")
