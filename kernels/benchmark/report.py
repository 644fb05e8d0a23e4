"""A run as tables in the terminal."""

from collections import defaultdict

from kernels.benchmark.contenders import BASELINES
from kernels.benchmark.record import Run


def print_measurements(run: Run) -> None:
    """A line for each contender, case and number of rows of x."""
    here = run.machine
    print(
        f"{here.device}, {here.cores} {'multiprocessors' if here.kind == 'cuda' else 'cores'}, "
        f"{', '.join(f'{name} {number}' for name, number in here.versions.items())}\n"
        f"copy {run.copy_bandwidth / 1e9:,.0f} GB/s, launch {run.launch_microseconds:.1f} µs; "
        f"commit {run.commit}, {run.date}"
    )
    if run.measurements:
        print(
            f"\n{'inputs → outputs':>18}{'M':>4}  {'contender':<11}{'bits':>5}{'aside':>7}"
            f"{'µs':>10}{'(20 %':>10}{'80 %)':>9}{'× bf16':>8}{'GB/s':>7}{'of copy':>9}{'error':>9}"
        )
    results = run.results
    for found in results.measurements:
        fixed = found.contender in BASELINES
        faster = results.ratio(found)
        timing = found.microseconds
        print(
            f"{found.columns:>9} → {found.rows:<6}{found.rows_of_x:>4}  {found.contender:<11}"
            f"{'' if fixed else found.bits:>5}{'' if fixed else f'{100 * found.outlier_rate:g} %':>7}"
            f"{timing.median:>10.1f}{timing.low:>10.1f}{timing.high:>9.1f}"
            f"{'' if faster is None else f'{faster:.2f}':>8}{found.bandwidth / 1e9:>7.0f}"
            f"{100 * found.bandwidth / run.copy_bandwidth:>7.0f} %{found.error:>9.0e}"
        )
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for skipped in run.skipped:
        reasons[skipped.contender, skipped.reason] += 1
    for (name, reason), count in reasons.items():
        print(f"{name} did not run in {count} cases: {reason}")


def print_decodings(run: Run) -> None:
    """A line for each model, kind of layers and batch."""
    if run.decodings:
        print(f"\n{'model':<20}{'weights':<34}{'layers':<32}{'texts':>6}{'tokens/s':>10}{'MB':>8}")
    for found in run.decodings:
        print(
            f"{found.model:<20}{found.weights:<34}{found.layers:<32}{found.batch:>6}"
            f"{found.tokens_per_second:>10.1f}{found.layer_bytes / 1e6:>8.0f}"
        )


def print_entropy_decodings(run: Run) -> None:
    """A line for each spread of codes."""
    if run.entropy_decodings:
        print(
            f"\n{'entropy-coded weights':<24}{'entropy':>9}{'stored':>9}{'written':>10}{'read':>9}"
        )
    for found in run.entropy_decodings:
        print(
            f"{found.weights:<24,}{found.entropy:>5.2f} bit{found.stored_bits:>5.2f} bit"
            f"{found.encode_seconds:>8.2f} s{found.decode_seconds:>7.2f} s"
            f"{found.weights_per_second / 1e6:>7.0f} million/s"
        )
