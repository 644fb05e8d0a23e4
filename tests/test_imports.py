"""What may import what: read from the sources, and seen in fresh interpreters.

    pages → app → lattice_core
            app → kernels

A lesson must start fast and without torch, transformers, fpylll or triton. Every rule goes over
the files on disk, so a new one is held to it without being listed here.
"""

import ast
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
OURS = {"app", "kernels", "lattice_core", "pages"}
MAY_IMPORT = {
    "pages": {"app", "kernels", "lattice_core"},
    "app": {"app", "kernels", "lattice_core"},
    "lattice_core": {"lattice_core"},
    "kernels": {"kernels"},
}
OPTIONAL = {"accelerate", "cysignals", "fpylll", "gguf", "safetensors", "torch", "transformers"}
OPTIONAL |= {"constriction", "triton"}
# Torch is what these are about; Triton is what the products of `kernels` are written in.
WHOLE_LAYERS = {"lattice_core.benchmark", "lattice_core.language_model", "lattice_core.layers"}


@dataclass(frozen=True)
class Import:
    """One imported name: in which file, on which line, and whether importing the file runs it."""

    path: Path
    line: int
    name: str
    at_module_level: bool

    @property
    def library(self) -> str:
        return self.name.split(".")[0]

    def __str__(self) -> str:
        return f"{self.path.relative_to(PROJECT)}:{self.line} imports {self.name}"


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> list[Import]:
    return list(_imports_under(ast.parse(path.read_text(encoding="utf-8")), path, True))


def _imports_under(node: ast.AST, path: Path, at_module_level: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(path, child.lineno, alias.name, at_module_level)
        elif isinstance(child, ast.ImportFrom) and child.level == 0:
            yield Import(path, child.lineno, str(child.module), at_module_level)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports_under(statement, path, False)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_under(child, path, at_module_level and not inside)


def all_imports(folder: str) -> list[Import]:
    return [found for path in sources(folder) for found in imports_of(path)]


def listed(found: list[Import]) -> str:
    return "\n".join(map(str, found))


# Read from the sources


@pytest.mark.parametrize("folder", sorted(OURS))
def test_direction_of_imports(folder: str) -> None:
    wrong = [i for i in all_imports(folder) if i.library in OURS - MAY_IMPORT[folder]]
    assert not wrong, listed(wrong)


def test_the_mathematics_knows_nothing_of_the_view() -> None:
    wrong = [i for i in all_imports("lattice_core") if i.library in {"plotly", "streamlit"}]
    assert not wrong, listed(wrong)


def test_kernels_take_plain_tensors() -> None:
    """The benchmark reads files of models and codes, and imports what it needs when it does."""
    of_files = {"constriction", "gguf", "safetensors"}
    foreign = {"fpylll", "plotly", "streamlit", "transformers"} | of_files
    wrong = [
        i
        for i in all_imports("kernels")
        if i.library in foreign
        and (
            i.at_module_level
            or i.library not in of_files
            or not module_name(i.path).startswith("kernels.benchmark.")
        )
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("folder", ["app", "lattice_core", "pages"])
def test_optional_libraries_are_imported_where_they_are_used(folder: str) -> None:
    wrong = [
        i
        for i in all_imports(folder)
        if i.at_module_level
        and i.library in OPTIONAL
        and not (i.library == "torch" and module_name(i.path).startswith(tuple(WHOLE_LAYERS)))
    ]
    assert not wrong, listed(wrong)


def test_no_file_beside_the_entry_hides_a_library() -> None:
    """Streamlit puts the entry's folder, `app/`, first on `sys.path`."""
    libraries = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    beside_the_entry = {
        path.stem for path in (PROJECT / "app").iterdir() if path.is_dir() or path.suffix == ".py"
    }
    hidden = {name for name in beside_the_entry if not name.startswith("_")} & (libraries | {"app"})
    assert not hidden


def test_every_file_is_named_for_its_subject() -> None:
    vague = {"common", "helper", "helpers", "misc", "tools", "util", "utils"}
    named = {path for folder in (*OURS, "tests") for path in sources(folder)}
    assert not [path for path in named if vague & {path.stem, path.parent.name}]


# Seen in fresh interpreters

REPORT = """
import importlib, json, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(name + " is blocked by this test")
sys.meta_path.insert(0, Blocked())
before = set(sys.modules)
for name in {names}:
    importlib.import_module(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(names: list[str], *, blocked: set[str] | None = None) -> set[str]:
    """The modules that a fresh interpreter loads to import these."""
    code = REPORT.format(names=names, blocked=blocked or set())
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def modules(folder: str, *, without: set[str]) -> list[str]:
    """The modules of a package by name, but for some and what lies under them."""
    names = map(module_name, sources(folder))
    found = [n for n in names if not any(n == w or n.startswith(w + ".") for w in without)]
    assert found, f"no module in {folder}/"
    return found


def needing_library(library: str, folder: str) -> set[str]:
    """The modules that load a library when they are imported, also through one another."""
    at_start = [i for i in all_imports(folder) if i.at_module_level]
    found: set[str] = set()
    for _ in at_start:  # more rounds than any chain of imports has links
        found |= {module_name(i.path) for i in at_start if i.library == library or i.name in found}
    return found


def test_lattice_core_loads_numpy_only() -> None:
    loaded = {name.split(".")[0] for name in loaded_by(["lattice_core"])}
    third_party = loaded & set(importlib.metadata.packages_distributions())
    assert third_party - {"lattice_core"} == {"numpy"}


def test_kernels_load_nothing() -> None:
    assert not imports_of(PROJECT / "kernels" / "__init__.py")
    assert loaded_by(["kernels"]) == {"kernels"}


def test_figures_are_plain_plotly() -> None:
    loaded = {n.split(".")[0] for n in loaded_by(modules("app/figures", without=set()))}
    assert not loaded & (OPTIONAL | {"streamlit"})


def test_lessons_import_without_the_optional_libraries() -> None:
    """Also the shared modules of the app load none of them, which would cost every start."""
    lessons = [
        *modules("app", without={"app.__main__", "app.main"}),  # these two run when imported
        *modules("lattice_core", without=WHOLE_LAYERS),
        "kernels",
    ]
    loaded_by(lessons, blocked=OPTIONAL)


def test_kernels_import_without_triton() -> None:
    needing = needing_library("triton", "kernels")
    written_in_it = {"kernels.compiled", "kernels.unpacking"}
    assert not {n for n in needing - written_in_it if not n.startswith("kernels.ssqr_")}
    loaded_by(modules("kernels", without=needing), blocked={"triton"})
