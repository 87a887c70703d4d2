"""Build environments without torch, for tests/e2e/test_start.py: one for each Python found that pyproject promises.

    DIGITTY_LIGHT_PYTHONS=$(python .ci/light_pythons.py FOLDER)

prints the interpreters as PATH names folders. The oldest Python gets the lowest versions that pyproject admits, the others the newest.
torch would be a download of gigabytes for each Python; without it the screen starts, and says so. Pythons are looked up on PATH and, where pyenv
is there, among its versions. What does not run, as a shim of pyenv may not, is left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
HEAVY = ("torch", "torchvision")
LOWEST = PROJECT["requires-python"].removeprefix(">=")
PROMISED = [found[1] for line in PROJECT["classifiers"] if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))]
ASK = "import json, sys, venv; print(json.dumps([sys.version_info[:3], sys.prefix == sys.base_prefix]))"


def main(folder: Path) -> int:
    pythons = found_pythons()
    requirements = [line for line in PROJECT["dependencies"] if re.split(r"[^\w-]", line)[0] not in HEAVY]
    lowest = [re.sub(r">=([^,]+).*", r"==\1", line) for line in requirements]
    wanted = {f"python{minor}": (path, lowest if minor == LOWEST else requirements) for minor, path in pythons.items()}
    building = {name: build(folder / name, *how) for name, how in wanted.items()}
    failed = [name for name, process in building.items() if process.wait()]
    print(os.pathsep.join(str(interpreter(folder / name)) for name in building))
    print(f"light environments: {', '.join(building) or 'no promised Python was found'}", file=sys.stderr)
    if failed:
        print(f"could not be built: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def found_pythons() -> dict[str, str]:
    """The newest interpreter of each promised minor version."""
    names = [f"{folder}/python{minor}" for folder in os.get_exec_path() for minor in PROMISED]
    names += [f"{sys.base_prefix}/bin/python3", *map(str, pyenv_versions().glob("*/bin/python3"))]
    # _versions().glob("*/bin/python3")]
    newest: dict[str, tuple[list[int], str]] = {}
    for name in filter(os.path.exists, names):
        asked = subprocess.run([name, "-c", ASK], capture_output=True, text=True, check=False)
        version, outermost = json.loads(asked.stdout) if asked.returncode == 0 else ([0, 0, 0], False)
        minor = f"{version[0]}.{version[1]}"
        if outermost and minor in PROMISED and version > newest.get(minor, ([], ""))[0]:
            newest[minor] = version, name
    return {minor: newest[minor][1] for minor in PROMISED if minor in newest}


def pyenv_versions() -> Path:
    """Where pyenv keeps its Pythons; a folder that does not exist where there is no pyenv."""
    if not shutil.which("pyenv"):
        return Path(os.devnull)
    root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
    return Path(root.stdout.strip() or os.devnull) / "versions"


def build(place: Path, python: str, requirements: list[str]) -> subprocess.Popen[bytes]:
    """An empty environment, and pip under way that fills it: this process's own, since unpacking one for each takes seconds."""
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter(place)), "install", "--quiet", "--no-compile", "--only-binary", ":all:"]
    return subprocess.Popen([*pip, *requirements], stdout=sys.stderr)


def interpreter(place: Path) -> Path:
    return place / "bin" / "python"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
