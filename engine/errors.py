"""Everything digitty raises on purpose, as one tree. Each message says what is wrong and what would be right.

    DigittyError              exit 1   (never raised itself)
    ├── InputError            exit 2   what was asked for can't be done as asked
    │   ├── PromptError                no digits can be read from a prompt
    │   ├── SettingError               an option or a field is out of its range
    │   ├── OutputError                a file that was asked for can't be written
    │   ├── CheckpointError            weights or training state that can't be used
    │   │   └── UnreadableError        or can't be read now
    │   └── RunError                   a run that is missing, already there, or in use
    │       └── MovedError             the folder of a run that is being written was moved or deleted
    ├── StorageError          exit 3   digitty's own folders: no room, not writable, data that can't be repaired
    ├── DeviceError           exit 4   the device is missing or out of memory
    │   ├── PackageError               a Python package that computes or shows is missing or can't be loaded
    │   └── GroupError                 a process that trains along is gone or hangs
    └── DivergedError         exit 5   a training loss that is not finite

130 is for ctrl+c, 141 for a pipe that its reader closed, 143 for SIGTERM and 129 for SIGHUP, as shells have it; 1 is an internal error.
"""

from __future__ import annotations

from pathlib import Path


class DigittyError(Exception):
    """The root; `exit_code` is what the command line leaves with."""

    exit_code = 1


class InputError(DigittyError):
    """What was asked for can't be done as asked."""

    exit_code = 2


class PromptError(InputError):
    """No digits can be read from a prompt."""


class SettingError(InputError):
    """An option or a configuration field is out of its range."""


class OutputError(InputError):
    """A file that was asked for can't be written."""


class CheckpointError(InputError):
    """A file of weights or of training state is truncated, foreign, hostile, or for another network."""


class UnreadableError(CheckpointError):
    """A file of weights or of training state can't be read now, which says nothing of what it holds."""


class RunError(InputError):
    """A run is missing, already there, or in use by another process."""


class MovedError(RunError):
    """The folder of a run was moved or deleted while it was written; `place` is where it is now, if that is known."""

    def __init__(self, message: str, place: Path | None) -> None:
        super().__init__(message)
        self.place = place


class StorageError(DigittyError):
    """digitty's own folders: no room, not writable, or data that can't be repaired."""

    exit_code = 3


class DeviceError(DigittyError):
    """The device is missing or out of memory."""

    exit_code = 4


class PackageError(DeviceError):
    """A Python package that digitty needs is missing or can't be loaded."""


class GroupError(DeviceError):
    """A process of one training is gone or hangs; what was saved stands."""


class DivergedError(DigittyError):
    """The training loss is not finite from `step` on; the last good state is kept."""

    exit_code = 5

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step
