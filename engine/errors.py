"""The tree of errors that digitty raises on purpose. Each message says what is wrong and what to do.

    DigittyError              exit 1   the root, never raised itself
    ├── InputError            exit 2   the request can't be done as given
    │   ├── PromptError                a prompt can't be read
    │   ├── SettingError               an option or a setting is out of its range
    │   ├── OutputError                an output file can't be written
    │   ├── PictureError               a picture holds no digitty recipe, or is damaged
    │   ├── CheckpointError            weights or a training state can't be used
    │   │   └── UnreadableError        they can't be read at the moment
    │   └── RunError                   a run is missing, exists already, or is in use
    │       └── MovedError             the folder of a run was moved or deleted during training
    ├── StorageError          exit 3   digitty's own folders: no space, not writable, or damaged data
    ├── DeviceError           exit 4   a device is missing or out of memory
    │   ├── PackageError               a Python package is missing or can't be loaded
    │   └── GroupError                 a process of a distributed training ended or hangs
    └── DivergedError         exit 5   the training loss is not finite

Other exit codes: 1 internal error; 130 ctrl+c, 141 closed pipe, 143 SIGTERM and 129 SIGHUP, as in shells.
"""

from __future__ import annotations

from pathlib import Path


class DigittyError(Exception):
    """The root of the tree; `exit_code` is the exit code of the command line."""

    exit_code = 1


class InputError(DigittyError):
    """The request can't be done as given."""

    exit_code = 2


class PromptError(InputError):
    """A prompt can't be read; `near` is the most similar one that can, if any, and `rest` its text from the fault on."""

    def __init__(self, message: str, near: str = "", rest: str = "") -> None:
        super().__init__(message)
        self.near, self.rest = near, rest


class SettingError(InputError):
    """An option or a setting is out of its range."""


class OutputError(InputError):
    """An output file that the user named can't be written."""


class PictureError(InputError):
    """A file is not a digitty picture, or is damaged or hostile."""


class CheckpointError(InputError):
    """A file of weights or training state is truncated, foreign, hostile, or for another network."""


class UnreadableError(CheckpointError):
    """A file of weights or training state can't be read at the moment; its content may be good."""


class RunError(InputError):
    """A run is missing, exists already, or is in use by another process."""


class MovedError(RunError):
    """The folder of a run was moved or deleted during training; `place` is its new path, if known."""

    def __init__(self, message: str, place: Path | None) -> None:
        super().__init__(message)
        self.place = place


class StorageError(DigittyError):
    """digitty's own folders have no space, are not writable, or hold damaged data."""

    exit_code = 3


class DeviceError(DigittyError):
    """The device is missing or out of memory."""

    exit_code = 4


class PackageError(DeviceError):
    """A Python package that digitty needs is missing or can't be loaded."""


class GroupError(DeviceError):
    """A process of a distributed training ended or hangs; everything that was saved is kept."""


class DivergedError(DigittyError):
    """The training loss is not finite at `step`; the last good state is kept."""

    exit_code = 5

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step
