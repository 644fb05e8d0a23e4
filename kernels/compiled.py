"""What the compiler makes of the kernels, without a GPU: ``python -m kernels.compiled``.

Triton carries NVIDIA's assembler, so the kernels are compiled here for a GPU that is not here, and the
machine code is counted. A product of few rows waits for memory as long as a weight takes fewer
instructions than the processors have time for while its bits arrive: at 4.3 TB/s and 4.445 bits, an H200
has 3.8 lanes' instructions for each weight (132 processors · 128 lanes · 1.755 GHz). Nothing is timed.
"""

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.launch import Launch, dot_launch, gemv_launch
from kernels.layout import SLOT, Layout
from kernels.ssqr_dot import ssqr_dot
from kernels.ssqr_gemv import ssqr_gemv
from kernels.ssqr_matmul import dot_constants, gemv_constants

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
POINTERS = {
    "low": "*i32", "high": "*i32", "scales": "*fp16", "outliers": "*i32", "tile_starts": "*i32",
    "partials": "*fp32", "arrivals": "*i32",
}  # fmt: skip
DTYPES = {torch.bfloat16: "*bf16", torch.float16: "*fp16"}
DIVISIBLE = ("row_count", "column_count", "units", "x_stride")  # by 16, as in large models
MULTIPLIES = ("FFMA", "HGMMA", "HMMA")


@dataclass(frozen=True)
class MachineCode:
    """A compiled kernel, counted.

    Attributes
    ----------
    method : str
    bits, rows_of_x : int
    outliers : bool
    registers, stack : int
        Of a thread; bytes of what did not fit its registers.
    shared : int
        Bytes of shared memory of a program: an A100 has 163 KiB for one, smaller GPUs 99.
    per_weight : float
        Instructions of one lane in the main loop, over the weights that it works on there.
    counts : dict
        Instructions of the main loop by name.
    wide_loads : int
        Loads of 16 bytes from memory in the whole kernel.
    """

    method: str
    bits: int
    rows_of_x: int
    outliers: bool
    registers: int
    stack: int
    shared: int
    per_weight: float
    counts: dict[str, int]
    wide_loads: int


def machine_code(
    layout: Layout,
    rows_of_x: int,
    launch: Launch,
    *,
    outliers: bool,
    dtype: torch.dtype = torch.bfloat16,
    capability: int = 90,
) -> MachineCode:
    """Compile the kernel of a launch for a GPU, which need not be here, and count.

    Parameters
    ----------
    layout : Layout
    rows_of_x : int
        M.
    launch : Launch
    outliers : bool
        With them, `per_weight` may be of the loop over the outliers.
    dtype : torch.dtype
        Of x and y.
    capability : int
        80 for an A100, 90 for an H100 or H200.
    """
    if launch.method == "gemv":
        kernel, constants = ssqr_gemv, gemv_constants(layout, launch, outliers)
    else:
        kernel, constants = ssqr_dot, dot_constants(layout, launch, rows_of_x, outliers)
    if "m_count" in kernel.arg_names and rows_of_x == 1:
        constants |= {"m_count": 1}  # as when it is launched
    compiled = _compiled(kernel, constants, launch, DTYPES[dtype], capability)
    lines, used = _disassembled(compiled.asm["cubin"])
    loop = _main_loop(lines)
    weights = launch.row_block * launch.units * layout.slots_per_unit * SLOT
    return MachineCode(
        method=launch.method,
        bits=layout.bits,
        rows_of_x=rows_of_x,
        outliers=outliers,
        registers=int(used["REG"]),
        stack=int(used["STACK"]),
        shared=compiled.metadata.shared,
        per_weight=len(loop) * 32 * launch.warps / weights,
        counts=dict(Counter(name.split(".")[0] for name in loop).most_common()),
        wide_loads=sum(bool(re.search(r"\bLDG\S*\.128|\bLDGSTS\S*\.128", line)) for line in lines),
    )


def every_case(capability: int = 90) -> Iterator[MachineCode]:
    """What the README and the page speak of: 4096 × 4096, groups of 128, all bit widths."""
    for bits in (4, 3, 2):
        layout = Layout(bits, 4096, 128)
        for rows_of_x, launch in (
            (1, gemv_launch(layout)),
            *((m, dot_launch(4096, layout, 132)) for m in (1, 16, 64)),
        ):
            yield machine_code(layout, rows_of_x, launch, outliers=False, capability=capability)


def _compiled(
    kernel: Any, constants: dict[str, Any], launch: Launch, x: str, capability: int
) -> Any:
    names = [name for name in kernel.arg_names if name not in constants]
    types = {name: POINTERS.get(name, x if name in ("x", "y") else "i32") for name in names}
    source = ASTSource(
        fn=kernel,
        signature={name: types.get(name, "constexpr") for name in kernel.arg_names},
        constexprs={(kernel.arg_names.index(name),): value for name, value in constants.items()},
        attrs={
            (kernel.arg_names.index(name),): [["tt.divisibility", 16]]
            for name in names
            if name in DIVISIBLE or types[name].startswith("*")
        },
    )
    options = {"num_warps": launch.warps, "num_stages": launch.stages, "maxnreg": launch.registers}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def _disassembled(binary: bytes) -> tuple[list[str], dict[str, str]]:
    """Lines of machine code, and what the kernel uses."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        tool = str(TOOLS / "cuobjdump")
        code, usage = (
            subprocess.run([tool, flag, file.name], capture_output=True, text=True, check=True)
            for flag in ("-sass", "-res-usage")
        )
    lines = re.findall(r"/\*([0-9a-f]{4,5})\*/\s+(.*?);", code.stdout)
    used = dict(re.findall(r"\b([A-Z]+):(\d+)", usage.stdout + usage.stderr))
    return [f"{place} {text}" for place, text in lines], used


def _main_loop(lines: list[str]) -> list[str]:
    """Names of the instructions of the loop that multiplies most."""
    places = [int(line.split()[0], 16) for line in lines]
    names = [re.sub(r"^\S+ (@!?U?P\d+ )?", "", line).split()[0] for line in lines]
    best: list[str] = []
    for index, line in enumerate(lines):
        target = re.search(r"\bBRA\S*\s.*?0x([0-9a-f]+)", line)
        if target and int(target[1], 16) < places[index]:
            loop = names[places.index(int(target[1], 16)) : index + 1]
            if _multiplies(loop) > _multiplies(best):
                best = loop
    return best


def _multiplies(names: list[str]) -> int:
    return sum(name.startswith(MULTIPLIES) for name in names)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m kernels.compiled",
        description="The kernels compiled for an NVIDIA GPU that need not be here, and counted.",
    )
    parser.add_argument("--capability", type=int, default=90, help="80, 86, 89, 90 (default)")
    capability = parser.parse_args().capability
    print(
        f"Triton {triton.__version__}, sm_{capability}; 4096 × 4096 in groups of 128, no outliers\n"
        f"{'method':<8}{'bits':>5}{'M':>4}{'registers':>11}{'stack':>7}{'shared':>8}{'16-byte loads':>15}"
        f"{'instructions a weight':>23}  most of them"
    )
    for code in every_case(capability):
        most = ", ".join(f"{name} {count}" for name, count in list(code.counts.items())[:6])
        print(
            f"{code.method:<8}{code.bits:>5}{code.rows_of_x:>4}{code.registers:>11}{code.stack:>7}"
            f"{code.shared:>8}{code.wide_loads:>15}{code.per_weight:>23.2f}  {most}"
        )


if __name__ == "__main__":
    main()
