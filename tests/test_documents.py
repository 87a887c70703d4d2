"""What the documents say of the code is true: paths, links, trees, commands, and the lines of Python in README."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from PIL import Image

from tui.settings.keymap import SCREEN_NAMES

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = [folder for package in ("engine", "tui") for folder in sorted((ROOT / package).iterdir()) if (folder / "__init__.py").exists()]
KILOBYTE = 1024


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def tree(document: Path) -> list[Path]:
    """All that the document's tree names, from the root. A folder ends in a slash, and two spaces go one level down."""
    (text,) = (block for block in blocks(document, "text") if re.match(r"engine/ *", block) and "\n  " in block)
    named: list[Path] = []
    above: list[str] = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.split()[0]]
        named.append(Path(*above))
    return named


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(document: Path) -> Iterator[str]:
    """What its shell blocks run, a command at a time, with continued lines in one."""
    for block in blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.split(r"&&|;", line.partition(" #")[0] if not line.startswith("#") else "")


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        assert target.exists(), f"{document.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {link}, and {target.name} has no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_documents_exist(document: Path) -> None:
    paths = re.findall(r"(?<![\w/.])(?:engine|tui|tests|benchmarks|docs)/[\w/.-]*\w", document.read_text())
    programs = re.findall(r"`(\w+\.py)\b", document.read_text())
    known = {"__init__.py", *(path.name for folder in (ROOT, ROOT / "benchmarks") for path in folder.glob("*.py"))}
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [name for name in programs if name not in known] == []


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "docs" / "architecture.md"], ids=lambda path: path.name)
def test_trees_name_what_is_there_and_every_package(document: Path) -> None:
    named = tree(document)
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert [folder for folder in PACKAGES if folder.relative_to(ROOT) not in named] == []


def test_the_tree_of_files_names_every_file() -> None:
    files = {path.relative_to(ROOT) for package in ("engine", "tui") for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"}
    assert sorted(files - set(tree(ROOT / "docs" / "architecture.md"))) == [], "give each a line in docs/architecture.md"


@pytest.mark.parametrize("package", ["engine", "tui"])
def test_a_packages_docstring_names_each_of_its_packages(package: str) -> None:
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    named = set(re.findall(r"^    (\w+)  ", text, re.MULTILINE))
    assert named == {folder.name for folder in PACKAGES if folder.parent.name == package}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_are_understood(document: Path) -> None:
    from engine.cli.main import commands as engine
    from tui.cli.first_word import UNKNOWN_WORD
    from tui.cli.main import digitty

    for command in commands(document):
        words = [*takewhile(lambda word: word not in (">", "|"), shlex.split(command))]
        if "engine.cli" in words:
            group, arguments = engine, words[words.index("engine.cli") + 1 :]
        elif words[:1] == ["digitty"]:
            group, arguments = digitty, words[1:]
        else:
            continue
        if not arguments:
            continue
        outer = click.Context(group)
        name, found, rest = group.resolve_command(outer, arguments)  # words alone are drawn
        assert found, command
        assert UNKNOWN_WORD not in outer.meta, command
        context = click.Context(found, info_name=name)
        while isinstance(found, click.Group):
            name, found, rest = found.resolve_command(context, rest)
            assert found, command
            context = click.Context(found, info_name=name)
        try:  # only what the words say: whether this machine has the files and processors is another matter
            options, values, _ = context.command.make_parser(context).parse_args(rest)
            for parameter in (each for each in context.command.get_params(context) if each.nargs != -1):
                parameter.type_cast_value(context, options.get(parameter.name))
        except click.ClickException as error:
            pytest.fail(f"{document.name}: {command}: {error.format_message()}")
        assert not values, command


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 8 * KILOBYTE
    assert len([command for command in commands(ROOT / "README.md") if command.startswith("digitty")]) == 12


def test_pictures_are_small_and_one_moves() -> None:
    pictures = sorted((ROOT / "docs").glob("*.svg"))
    assert {ElementTree.parse(picture).getroot().tag for picture in pictures} == {"{http://www.w3.org/2000/svg}svg"}
    assert max(picture.stat().st_size for picture in pictures) <= 300 * KILOBYTE
    assert "@keyframes" in (ROOT / "docs" / "prompt.svg").read_text()


def test_pictures_of_screens_show_the_tabs_of_today() -> None:
    for picture in sorted((ROOT / "docs").glob("*.svg")):
        texts = [element for element in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text") if element.get("y")]
        top = min(float(element.get("y", "")) for element in texts)
        line = " ".join("".join(element.itertext()) for element in texts if float(element.get("y", "")) == top)
        missing = [name for number, name in enumerate(SCREEN_NAMES, 1) if name.title() not in line and str(number) not in line]
        assert not missing, f"{picture.name} is older than these screens; take it again with docs/screenshots.py"


@pytest.mark.slow
def test_the_lines_of_python_in_readme_draw_a_seven(unmeasured: None, one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from engine.checkpoints.classifier import load_classifier

    (lines,) = blocks(ROOT / "README.md", "python")
    assert len([line for line in lines.splitlines() if line]) == 12
    monkeypatch.chdir(tmp_path)
    exec(compile(lines, "README.md", "exec"), {"__name__": "__main__"})
    with Image.open(tmp_path / "seven.png") as picture:
        small = picture.convert("L").resize((28, 28), Image.Resampling.NEAREST)
    images = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(1, 28, 28)
    _, logits = load_classifier().features_and_logits(images)
    assert logits.softmax(1)[0, 7] > 0.9
