"""The classifiers' weights files: two judges for `evaluate`, and the reader of rejection sampling, for each data set."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoints.tensor_file import read_tensor_file, write_tensor_file
from engine.config.data import MNIST, DataSpec
from engine.errors import CheckpointError, DigittyError, OutputError
from engine.formatting import one_line, printable
from engine.models.classifier import Classifier
from engine.storage import paths

WEIGHTS = paths.ASSETS / "weights" / "classifier.safetensors"
SECOND = paths.ASSETS / "weights" / "classifier-2.safetensors"
FORMAT = "digitty-classifier"
MNIST_TESTED = 10_000
"""Test images of MNIST."""
REMEDY = "train one with: python -m engine.evaluation.train_classifier"


def save_classifier(path: Path, model: Classifier, error: type[DigittyError] = OutputError) -> None:
    """Writes a float16 .safetensors file with the accuracy and a checksum in its metadata. Raises `error`."""
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    facts = {"test_accuracy": "" if model.test_accuracy is None else str(model.test_accuracy), "second": str(model.second)}
    if model.data.digest != MNIST.digest:
        facts |= {"data": printable(model.data.name), "digest": printable(model.data.digest)}
        facts |= {"tested": str(model.tested), "trained_on": str(model.trained_on)}
    write_tensor_file(path, FORMAT, tensors, facts, error)


def load_classifier(device: torch.device | None = None, path: Path = WEIGHTS, data: DataSpec = MNIST) -> Classifier:
    """The classifier of a data set in float32, ready to judge. Raises CheckpointError; runs no code from the file."""
    remedy = REMEDY if path.is_relative_to(paths.ASSETS) or data.digest == MNIST.digest else "delete it; digitty evaluate trains it again"
    tensors, metadata = read_tensor_file(path, FORMAT, remedy)
    if metadata.get("digest", MNIST.digest) != data.digest:
        raise CheckpointError(f"{path} holds a classifier of {printable(metadata.get('data', MNIST.name))}, not of {data.name}; {remedy}")
    model = Classifier(metadata.get("second") == "True", data)
    try:
        model.test_accuracy = float(metadata["test_accuracy"]) if metadata["test_accuracy"] else None
        model.tested = int(metadata.get("tested", MNIST_TESTED))
        model.trained_on = int(metadata.get("trained_on", MNIST.train_images))
        model.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold the classifier that this version of digitty uses ({one_line(error)}); {remedy}") from None
    return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
