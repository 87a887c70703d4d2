"""The names of parameters in files: those of the guide, also in the two tiny files that a digitty wrote whose network had them."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch.testing import assert_close

from engine.checkpoints.parameter_names import to_file_names, to_module_names
from engine.checkpoints.training_state import TrainingState, load_state, save_state
from engine.checkpoints.weights import load_weights, save_pth, save_weights
from engine.config.model import ModelConfig
from engine.config.training import TrainConfig
from engine.errors import CheckpointError
from engine.models.unet import UNet

FILES = Path(__file__).parent / "files"
OUTPUTS = {
    "three-levels": [
        *(-0.0621, -0.2388, -0.2560, -0.3002, -0.0834, 0.0034, -0.2538, -0.3295),
        *(0.2610, -0.2216, -0.1436, -0.2947, 0.1334, -0.1529, -0.1302, -0.3339),
    ],
    "two-levels": [
        *(0.2084, -0.5003, 0.7550, 0.1894, 0.7763, 0.6450, 0.5577, 0.7124),
        *(0.1779, -0.0338, -0.0486, -0.0393, 0.3408, 0.6869, 0.5361, 0.5906),
    ],
}
"""Every ninth pixel that the network of that time gave for `forward`'s arguments. All its widths are equal: shapes alone tell few layers apart."""
LEVELS = [ModelConfig(channels=(8, 8, 8), attention_at_14=True), ModelConfig(channels=(8, 8), attention=True, attention_at_14=True)]


def forward(network: UNet) -> torch.Tensor:
    return network(torch.linspace(-1, 1, 784).view(1, 1, 28, 28), torch.tensor([500]), torch.tensor([3]))


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_file_with_the_old_names_draws_what_it_drew(name: str) -> None:
    loaded = load_weights(FILES / f"{name}.safetensors")
    network = UNet(loaded.model)
    network.load_state_dict(loaded.tensors)
    with torch.no_grad():
        assert_close(forward(network)[0, 0, ::9, ::9].flatten(), torch.tensor(OUTPUTS[name]), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_file_is_written_as_it_was_read(name: str, tmp_path: Path) -> None:
    """Names, tensors and metadata, the digest of all included."""
    save_weights(tmp_path / "again.safetensors", load_weights(FILES / f"{name}.safetensors"))
    files = FILES / f"{name}.safetensors", tmp_path / "again.safetensors"
    old, new = (safetensors.torch.load_file(path) for path in files)
    assert old.keys() == new.keys()
    assert all(torch.equal(old[key], new[key]) for key in old)
    checksums = []
    for path in files:
        with safetensors.safe_open(path, "pt") as file:
            checksums.append(file.metadata()["sha256"])
    assert checksums[0] == checksums[1]


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("old", [True, False], ids=["guide", "modules"])
def test_a_pth_may_have_either_names_and_the_prefixes_of_wrappers(prefix: str, old: bool, tmp_path: Path) -> None:
    weights = load_weights(FILES / "three-levels.safetensors")
    wide = ModelConfig(channels=(8, 8, 8), time_dim=4, emb_dim=4)
    tensors = UNet(wide).state_dict()
    torch.save({f"{prefix}{name}": tensor for name, tensor in (to_file_names(tensors, 3) if old else tensors).items()}, tmp_path / "w.pth")
    loaded = load_weights(tmp_path / "w.pth")
    assert loaded.model == wide
    assert all(torch.equal(loaded.tensors[name], tensors[name]) for name in tensors)
    save_pth(tmp_path / "again.pth", weights)
    assert torch.load(tmp_path / "again.pth", weights_only=True).keys() == safetensors.torch.load_file(FILES / "three-levels.safetensors").keys()


def test_a_training_state_has_the_old_names_in_the_file(tmp_path: Path) -> None:
    weights = load_weights(FILES / "two-levels.safetensors")
    ema = {name: tensor + 1 for name, tensor in weights.tensors.items()}
    save_state(tmp_path / "s.pt", TrainingState(TrainConfig(model=weights.model), 3, 0.5, 0.0, weights.tensors, ema, {}))
    raw = torch.load(tmp_path / "s.pt", weights_only=True)
    assert raw["model"].keys() == raw["ema"].keys() == safetensors.torch.load_file(FILES / "two-levels.safetensors").keys()
    loaded = load_state(tmp_path / "s.pt")
    assert all(torch.equal(loaded.model[name], weights.tensors[name]) for name in weights.tensors)
    assert all(torch.equal(loaded.ema[name], ema[name]) for name in ema)


@pytest.mark.parametrize(
    ("model", "order"),
    [
        (LEVELS[0], "time label conv_in enc28 down14 enc14 down7 enc7 attention14 middle dec7 up14 dec14 up28 dec28 norm_out conv_out"),
        (LEVELS[1], "time label conv_in enc14 down7 enc7 attention14 middle attention dec7 up14 dec14 norm_out conv_out"),
    ],
    ids=["three-levels", "two-levels"],
)
def test_the_order_by_which_training_states_number_the_parameters(model: ModelConfig, order: str) -> None:
    with torch.device("meta"):
        names = to_file_names(dict(UNet(model).named_parameters()), len(model.channels))
    assert [layer for layer, _ in groupby(name.partition(".")[0] for name in names)] == order.split()


@pytest.mark.parametrize("model", LEVELS, ids=["three-levels", "two-levels"])
def test_there_and_back(model: ModelConfig) -> None:
    with torch.device("meta"):
        own = dict(UNet(model).named_parameters())
    in_files = to_file_names(own, len(model.channels))
    assert len(in_files) == len(own)
    assert not any(name.startswith(("down.", "up.", "attend.")) for name in in_files)
    assert to_module_names(in_files, len(model.channels)) == own
    assert to_file_names(in_files, len(model.channels)) == in_files


def test_a_parameter_by_both_names_is_refused(tmp_path: Path) -> None:
    tensors = UNet(ModelConfig(channels=(8, 8, 8), time_dim=4, emb_dim=4)).state_dict()
    torch.save({**to_file_names(tensors, 3), "up.0.block.conv1.bias": tensors["up.0.block.conv1.bias"]}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"up\.0\.block\.conv1\.bias' is unknown"):
        load_weights(tmp_path / "w.pth")
