"""The classifiers' weights files: two judges for `evaluate`, and the reader of rejection sampling."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.errors import CheckpointError
from engine.formatting import one_line
from engine.models.classifier import Classifier
from engine.storage import paths

WEIGHTS = paths.ASSETS / "weights" / "classifier.safetensors"
SECOND = paths.ASSETS / "weights" / "classifier-2.safetensors"
READER = paths.ASSETS / "weights" / "reader.safetensors"
FORMAT = "digitty-classifier"


def save_classifier(path: Path, model: Classifier, test_accuracy: float) -> None:
    """Writes a float16 .safetensors file with the accuracy and a checksum in its metadata. Raises OutputError."""
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    write_tensor_file(path, FORMAT, tensors, {"test_accuracy": str(test_accuracy), "second": str(model.second)})


def load_classifier(device: torch.device | None = None, path: Path = WEIGHTS) -> Classifier:
    """The classifier in float32, ready to judge. Raises CheckpointError; runs no code from the file."""
    tensors, metadata = read_tensor_file(path, FORMAT, "train one with: python -m engine.evaluation.train_classifier")
    model = Classifier(metadata.get("second") == "True")
    try:
        model.test_accuracy = float(metadata["test_accuracy"])
        model.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold the classifier that this version of digitty uses ({one_line(error)})") from None
    return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
