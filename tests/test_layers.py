"""No two files import each other, however far around: not at the top, not inside functions, and not for type checkers alone. None is too long.

import-linter holds the order of the packages (pyproject.toml); this holds the files within them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
parse = cache(ast.parse)


def module_files(package: str) -> dict[str, Path]:
    """The files of a package by the names that imports use."""
    files = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imported(tree: ast.Module, modules: Mapping[str, object]) -> Iterator[str]:
    """Those of the modules that a file imports anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]  # a module, or a name within one
            names = [name if name in modules else str(node.module) for name in inside]
        else:
            continue
        yield from (name for name in names if name in modules)


def circle(sources: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a ring, the first again at the end; empty if there is none."""
    graph = {name: set(imported(parse(source), sources)) - {name} for name, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", ["engine", "tui"])
def test_no_files_import_each_other(package: str) -> None:
    sources = {name: path.read_text("utf-8") for name, path in module_files(package).items()}
    assert len(sources) > 40
    assert circle(sources) == []


@pytest.mark.parametrize(
    "back",
    ["import p.a", "from p import d, a", "from p.a import thing", "def f():\n from p.a import thing", "if TYPE_CHECKING:\n from p.a import thing"],
)
def test_a_circle_is_found(back: str) -> None:
    assert set(circle({"p": "", "p.a": "from p.b import other", "p.b": "from p import c", "p.c": back, "p.d": ""})) == {"p.a", "p.b", "p.c"}
    assert circle({"p": "", "p.a": "from p.b import other", "p.b": "from p import c", "p.c": "import ast"}) == []


MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 50


def too_long(source: str) -> list[str]:
    """What is longer than CONTRIBUTING.md allows: the file, and functions by their names."""
    lines = len(source.splitlines())
    functions = [node for node in ast.walk(parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    return [
        *([f"{lines} lines"] if lines > MOST_LINES else []),
        *(f"{name}: {length} lines" for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION),
    ]


@pytest.mark.parametrize("package", ["engine", "tui"])
def test_no_file_and_no_function_is_too_long(package: str) -> None:
    found = {name: too_long(path.read_text("utf-8")) for name, path in module_files(package).items()}
    assert {name: what for name, what in found.items() if what} == {}


def test_what_is_too_long_is_found() -> None:
    function = "async def f():\n" + "    pass\n" * 49
    assert too_long(function * 6) == []
    assert too_long(function * 6 + "x = 1\n") == ["301 lines"]
    assert too_long(f"class C:\n def g(self):\n  {'pass;' * 9}\n" + "  pass\n" * 49) == ["g: 51 lines"]
