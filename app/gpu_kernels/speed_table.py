"""The measurements of one layer in words, as a table, and to take away."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from app.figures.contender_marks import NAMES
from app.gpu_kernels.choice import KernelChoice

if TYPE_CHECKING:
    from kernels.benchmark.compare import Results
    from kernels.benchmark.record import Run


def sentences(found: "Results") -> list[str]:
    """What the numbers say, computed from them."""
    ours = sorted(found.ours, key=lambda m: m.rows_of_x)
    said = []
    if ours and (ratio := found.ratio(ours[0])) and (limit := found.limit(ours[0])):
        first = ours[0]
        wide = found.ratio(first, "float32")
        others = f" and {wide:.1f} times as fast as 32-bit" if wide else ""
        more = " It gains more, for the 16-bit product is farther from its own limit."
        said.append(
            f"{_rows(first.rows_of_x)}: {_time(first.microseconds.median)}, "
            f"**{ratio:.2f} times** as fast as 16-bit weights{others}. If only bytes and the start of the "
            f"call took time, it would be {limit:.2f} times as fast.{more if ratio > limit else ''}"
        )
    faster = [m.rows_of_x for m in ours if (found.ratio(m) or 1) >= 1]
    slower = [m.rows_of_x for m in ours if m.rows_of_x > max(faster, default=0)]
    if slower:
        said.append(
            f"From {_rows(slower[0], start=False)} on, 16-bit weights are faster: there is more to "
            "compute, and unpacking comes on top."
        )
    elif ours:
        said.append(f"With {_rows(max(faster), start=False)} it still is faster.")
    if ours:
        rounded = "scales and results are" if ours[0].contender == "cpu" else "results are"
        said.append(
            f"The results differ from exact ones by {100 * max(m.error for m in ours):.2g} % at most: "
            f"{rounded} rounded to bfloat16."
        )
    if ours and ours[0].contender == "cpu" and ours[0].bits < 4:
        said.append(
            f"torch has 4-bit products only on a processor: codes of {ours[0].bits} bits are read as "
            "4-bit codes, and gain nothing more."
        )
    return said


def speed_table(found: "Results") -> None:
    """Everything measured."""
    st.dataframe(_frame(found), hide_index=True, width="stretch")


def speed_downloads(choice: KernelChoice, found: "Results", run: "Run | None") -> None:
    """The table, and the whole recorded run."""
    st.subheader("Take it away", anchor="downloads")
    group, outliers = choice.group or "row", f"{100 * choice.outliers:g}"
    name = (
        f"gpu-kernels-{choice.shape}-{choice.bits}-bits-groups-of-{group}-{outliers}-percent-aside"
    )
    where = f"recorded {run.date}, {run.machine.device}" if run else "measured here"
    with st.container(horizontal=True):
        st.download_button(
            "These products (CSV)",
            data=lambda: _with_case(choice, where, _frame(found)).to_csv(index=False),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
        )
        if run is not None:
            st.download_button(
                "The whole recorded run (JSON)",
                data=run.to_json,
                file_name=f"kernel-benchmark-{run.date[:10]}.json",
                mime="application/json",
                on_click="ignore",
                icon=":material/download:",
            )


def _frame(found: "Results") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rows of x": m.rows_of_x,
            "product": NAMES[m.contender],
            "µs, median": round(m.microseconds.median, 1),
            "µs, 20th percentile": round(m.microseconds.low, 1),
            "µs, 80th percentile": round(m.microseconds.high, 1),
            "× 16-bit": _rounded(found.ratio(m)),
            "GB/s": round(m.bandwidth / 1e9, 1),
            "% of copy bandwidth": round(100 * m.bandwidth / found.bandwidth, 1),
            "MB read and written": round(m.bytes / 1e6, 2),
            "relative error": float(f"{m.error:.1e}"),
        }
        for m in sorted(found.measurements, key=lambda m: (m.rows_of_x, m.contender))
    )


def _with_case(choice: KernelChoice, where: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The table with columns that say of which case it is."""
    columns, rows = choice.columns_and_rows
    return frame.assign(
        inputs=columns,
        outputs=rows,
        bits=choice.bits,
        group_size=choice.group or columns,
        outlier_rate=choice.outliers,
        numbers=where,
    )


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 2)


def _rows(count: int, *, start: bool = True) -> str:
    if count == 1:
        return "One row of x" if start else "one row"
    return f"{count} rows of x" if start else f"{count} rows"


def _time(microseconds: float) -> str:
    return f"{microseconds:.0f} µs" if microseconds < 1000 else f"{microseconds / 1000:.2f} ms"
