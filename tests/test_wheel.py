"""What a newcomer gets: the wheel holds all that digitty needs, and draws from an empty folder where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
ARCHIVES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

pytestmark = pytest.mark.slow


def told(*command: str | Path, cwd: Path, env: dict[str, str]) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """This process's environment, without what could lead Python to the checkout. Two threads wait for each other on a busy machine; one does not."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    return {**clean, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the project's own back end, from the checkout as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    told(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder, env=dict(os.environ))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def fresh(wheel: Path, tmp_path: Path, env: dict[str, str]) -> Path:
    """The folder of commands of a new environment that holds the wheel and borrows this one's libraries.

    The borrowed folder stands on the path behind the new environment's own, and its .pth files are not read: neither an
    editable digitty there nor an installed one comes first.
    """
    place = tmp_path / "venv"
    venv.create(place)
    commands, own = (Path(sysconfig.get_path(name, "venv", {"base": str(place)})) for name in ("scripts", "purelib"))
    pip = (sys.executable, "-m", "pip", "--python", commands / "python")
    told(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path, env=env)  # before it could see another digitty
    (own / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith(("site-packages", "dist-packages"))))
    return commands


def test_the_wheel_holds_data_weights_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    weights = (f"engine/assets/weights/{name}.safetensors" for name in ("digitty", "seed", "classifier", "classifier-2"))
    for name in (*(f"engine/assets/mnist/{name}.gz" for name in ARCHIVES), *weights):
        assert sizes[name] == (ROOT / name).stat().st_size
    assert {
        "engine/assets/weights/classifier.safetensors",
        "engine/assets/mnist/LICENSE.md",
        "tui/app.tcss",
        "engine/assets/examples/shipped.png",
    } <= sizes.keys()
    licences = {name.partition("/licenses/")[2] for name in sizes if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "engine/assets/mnist/LICENSE.md"}
    assert {name.partition("/")[0] for name in sizes if ".dist-info/" not in name} == {"engine", "tui"}  # no tests, no benchmarks
    assert not [name for name in sizes if "__pycache__" in name]


def test_the_wheel_draws_a_seven_from_an_empty_folder(fresh: Path, tmp_path: Path, env: dict[str, str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    origin = "import json, engine, tui, torch; print(json.dumps([engine.__file__, tui.__file__, torch.__file__]))"
    *ours, torch_file = map(Path, json.loads(told(fresh / "python", "-c", origin, cwd=empty, env=env)))
    assert all(path.is_relative_to(fresh.parent) for path in ours), ours
    assert not torch_file.is_relative_to(fresh.parent)  # borrowed, as meant

    told(fresh / "digitty", "generate", "seven", "--out", "seven.png", cwd=empty, env=env)
    assert [path.name for path in empty.iterdir()] == ["seven.png"]
    with Image.open(empty / "seven.png") as picture:
        recipe = json.loads(picture.text["digitty"])  # type: ignore[attr-defined]
        assert picture.size == (224, 224)
        darkest, lightest = picture.getextrema()
        assert darkest < 20
        assert lightest > 230, "no digit to be seen"
    assert recipe["labels"] == [7]
    assert recipe["weights"]["name"] == "shipped"
