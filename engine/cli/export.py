"""`digitty export`: the weights of a run, or its metrics as a CSV file or for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.options import force_option
from engine.cli.output import print_path, print_status
from engine.cli.progress import ProgressLine
from engine.errors import RunError
from engine.process.signals import interruptible
from engine.protocol.events import Preparing
from engine.runs.run import find_run

if TYPE_CHECKING:
    from engine.checkpoints.weights import ModelWeights


@click.command(
    help="Write the weights of RUN (or RUN:best, shipped, or a file) to FILE, as .safetensors, or as .pth in the guide's format; "
    "or the metrics of RUN, as .csv."
)
@click.argument("source", metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tensorboard", is_flag=True, help="Write the metrics for TensorBoard; FILE is then a folder.")
@force_option
def export(source: str, file: Path, tensorboard: bool, force: bool) -> None:
    from engine.storage.images import check_output_path

    if not tensorboard:
        check_output_path(file, (".safetensors", ".pth", ".csv"), force)
    if tensorboard or file.suffix.lower() == ".csv":
        from engine.runs.export import to_csv, to_tensorboard

        if source.partition(":")[0] == "shipped":
            raise RunError(f"{source} has no metrics; give the name of a run")
        run = find_run(source)
        with interruptible():
            count = (to_tensorboard if tensorboard else to_csv)(run, file)
        print_status(f"wrote {count:,} steps of {source}")
    else:
        _export_weights(source, file)
    print_path(file)


def _export_weights(source: str, file: Path) -> None:
    from engine.checkpoints import weights as checkpoint
    from engine.checkpoints.lookup import find_weights

    weights = find_weights(source)
    with interruptible():
        weights = _with_hands(source, weights) if weights.model.network == "writer" else weights
        (checkpoint.save_pth if file.suffix.lower() == ".pth" else checkpoint.save_weights)(file, weights)
    data = weights.model.data
    print_status(f"trained on {data.name}" + (f", licence {data.licence}" if data.licence else ""))


def _with_hands(source: str, weights: ModelWeights) -> ModelWeights:
    """An encoder's weights with the hands of its run's writers. Those from a file have theirs already."""
    from engine.training.known_hands import keep_hands

    if bool(weights.tensors["hands"].any()):
        return weights
    job = keep_hands(weights, find_run(source.partition(":")[0]))
    with ProgressLine() as bar:
        while True:
            try:
                event = next(job)
            except StopIteration as done:
                finished: ModelWeights = done.value
                return finished
            if isinstance(event, Preparing):
                bar.show(event.what)
