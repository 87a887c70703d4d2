"""Making, renaming and deleting runs. No torch."""

from __future__ import annotations

import errno
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from engine.config.compute import ComputeInfo
from engine.config.training import TrainConfig
from engine.errors import RunError, StorageError
from engine.runs.claim import Claim
from engine.runs.run import Run, check_name
from engine.runs.writer import check_folder, write_config
from engine.storage import paths
from engine.storage.atomic import sync_folder

TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
"""How a system refuses to rename a folder onto a name that is taken. Onto an empty folder it does not, but no run is one."""
FORGOTTEN = 86400.0
"""Seconds after which a run that is still being made was left by a process that died."""


def create_run(name: str | None, config: TrainConfig, engine: ComputeInfo) -> Run:
    """A new run directory; `name` None takes the next free one of its preset. Raises RunError where it exists.

    It is made under a hidden name and then renamed, so that there is never half a run, and one process gets a name.
    """
    root = paths.ensure_folder(paths.runs_dir())
    _sweep(root)
    names = [check_name(name)] if name else (f"{config.preset}-{n}" for n in range(1, 1_000_000))
    made = Run(root / f".new-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        for folder in (made.path, made.path / "checkpoints", made.path / "samples"):
            paths.ensure_folder(folder)
        write_config(made, config, engine)
        for candidate in names:
            run = Run(root / candidate)
            if not name_taken(candidate) and _placed(made.path, run.path):
                sync_folder(root)
                return run
            if name:
                raise RunError(f"run {name} exists; go on with --resume {name}, or choose another --run")
    finally:
        shutil.rmtree(made.path, ignore_errors=True)
    raise RunError(f"no free name for a run of {config.preset}; choose one with --run")


def check_writable(run: Run | None = None) -> None:
    """Raises StorageError where no run can be made, or this one not be written: so that it fails now, not minutes later."""
    check_folder(run.path if run else paths.ensure_folder(paths.runs_dir()))


def name_taken(name: str) -> bool:
    """Whether a new run can't have this name. Raises RunError for what is no name."""
    path = paths.runs_dir() / check_name(name)
    return os.path.lexists(path) and not _abandoned(path)


def _abandoned(path: Path) -> bool:
    """Whether a digitty died while it made this folder: nothing is in it but folders and parts of files."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        return all(file.suffix == ".part" if file.is_symlink() or not file.is_dir() else file.parent == path for file in path.rglob("*"))
    except OSError:
        return False  # another process is at work in it


def _clear(path: Path) -> None:
    """Empties an abandoned folder, so that a run can be renamed onto it."""
    with suppress(OSError):
        for part in path.rglob("*.part"):
            part.unlink()
        for folder in path.iterdir():
            folder.rmdir()


def delete_run(run: Run) -> Path | None:
    """Removes a run and all it holds; of a run that is a link the link, and returns where its data stays.

    Raises RunError where it is being trained, StorageError where it can't go.
    """
    target = run.path.resolve() if run.path.is_symlink() else None
    hidden = run.path.with_name(f".{run.name}.deleted-{os.getpid()}-{time.time_ns()}")
    claim = Claim(run.path, run.has_ended)
    try:
        if target:
            run.path.unlink()
        else:
            run.path.rename(hidden)  # first out of sight, so that half a run is never found
    except OSError as error:
        raise StorageError(f"can't remove {run.path}: {error.strerror}") from None
    finally:
        claim.release()
    _sweep(hidden.parent)
    if hidden.exists():
        raise StorageError(f"run {run.name} is deleted, but not all its files can be removed; remove {hidden} by hand")
    return target


def rename_run(run: Run, name: str) -> Run:
    """Gives a run another name. Raises RunError where that is taken or no name, or the run is being trained."""
    renamed = Run(paths.runs_dir() / check_name(name))
    exists = RunError(f"run {name} exists; choose another name")
    if name_taken(name):
        raise exists
    claim = Claim(run.path, run.has_ended)
    try:
        if not _placed(run.path, renamed.path):
            raise exists
    finally:
        claim.release()
    return renamed


def _placed(path: Path, target: Path) -> bool:
    """Moves a run's folder, or the link to it, to a name that nothing has; False where something has it. Raises StorageError."""
    if _abandoned(target):
        _clear(target)
    try:
        if path.is_symlink():  # renaming would replace another link
            target.symlink_to(path.readlink())
            path.unlink()
        else:
            path.rename(target)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise StorageError(f"can't make {target}: {error.strerror}; set DIGITTY_HOME to a folder you can write to") from None
    return True


def _sweep(root: Path) -> None:
    """Removes deleted runs, and what killed processes left of those that they made or deleted."""
    for folder in root.glob(".*.deleted-*"):
        if folder.is_symlink():
            with suppress(OSError):
                folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    for folder in root.glob(".new-*"):
        with suppress(OSError):
            if abs(time.time() - folder.stat().st_mtime) > FORGOTTEN:
                shutil.rmtree(folder, ignore_errors=True)
