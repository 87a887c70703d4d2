"""A run directory, which outlives every process: any number of readers, one writer. No torch.

runs/NAME/config.json                 what the run is, sealed with its SHA-256
          metrics.jsonl               one line a step, an epoch, an event; append-only, a CRC a line
          checkpoints/state-0000469.pt    training state; the highest number is the latest; one that is damaged ends in .pt.damaged
          checkpoints/best.safetensors    the average weights after the best epoch
          samples/step-0000100.png    the ten digits from fixed noise, side by side
          lock, writers/              which process writes it, and its heartbeat: see liveness.py
          control.json                what another process asks of the writer: pause, run, stop
          train.log                   what a detached trainer says

The parts: run.py reads, writer.py writes, manage_runs.py makes, renames and deletes.
"""

from __future__ import annotations

from engine.manage_runs import check_writable, create, delete, rename, taken
from engine.run import ENDS, Run, all_runs, checked, find, is_student, latest_state, state_step
from engine.writer import KEEP, Writer, describe, writing

__all__ = [
    "ENDS",
    "KEEP",
    "Run",
    "Writer",
    "all_runs",
    "check_writable",
    "checked",
    "create",
    "delete",
    "describe",
    "find",
    "is_student",
    "latest_state",
    "rename",
    "state_step",
    "taken",
    "writing",
]
