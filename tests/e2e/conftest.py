"""Real processes and terminals: all tests of this folder are slow. A home whose cache outlives a test, and weights that draw quickly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_server import ForkServer

from engine.config.model import ModelConfig, ScheduleConfig


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not ask for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measured precisions, made once."""
    return tmp_path_factory.mktemp("e2e") / "cache"


@pytest.fixture(scope="session")
def tiny_engine() -> Iterator[ForkServer]:
    """Forks commands whose engine is that of slow_commands.py. It takes seconds to start, so all files share it."""
    import slow_commands

    with ForkServer(Path(__file__).parent, *slow_commands.LATE, "slow_commands", "outlets") as server:
        yield server


@pytest.fixture
def warm_home(home: Path, shared_cache: Path) -> Path:
    """This test's DIGITTY_HOME, with the shared cache in it."""
    home.mkdir()
    shared_cache.mkdir(exist_ok=True)
    (home / "cache").symlink_to(shared_cache)
    return home


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest network, untrained."""
    import torch

    from engine.checkpoints.weights import ModelWeights, save_weights
    from engine.models.unet import UNet

    torch.manual_seed(0)
    model = ModelConfig(channels=(8, 8), time_dim=16, emb_dim=16)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, ModelWeights(UNet(model).state_dict(), model, ScheduleConfig(), 3, "tiny", "average"))
    return path


@pytest.fixture
def tiny_home(warm_home: Path, tiny_weights: Path) -> Path:
    """Draws with the tiny weights."""
    (warm_home / "config").mkdir()
    (warm_home / "config" / "settings.json").write_text(json.dumps({"weights": str(tiny_weights)}))
    return warm_home
