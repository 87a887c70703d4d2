"""Create, rename and delete runs. No torch."""

from __future__ import annotations

import errno
import os
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
from engine.storage.atomic import remove_tree, sync_folder

NAME_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
"""Errors of renaming a folder to a name that is taken. Renaming onto an empty folder succeeds, but a run is never empty."""
ABANDONED_AFTER = 86400.0
"""Seconds after which an unfinished run must have been left behind by a process that died."""


def create_run(name: str | None, config: TrainConfig, engine: ComputeInfo) -> Run:
    """Create a run's directory. Without a name it gets the next free one of its preset. Raises RunError if the name is taken.

    The directory is made under a hidden name and then renamed, so that there is never half a run, and only one process gets a name.
    """
    root = paths.ensure_folder(paths.runs_dir())
    _sweep(root)
    names = [check_name(name)] if name else (f"{config.preset}-{n}" for n in range(1, 1_000_000))
    new = Run(root / f".new-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        for folder in (new.path, new.path / "checkpoints", new.path / "samples"):
            paths.ensure_folder(folder)
        write_config(new, config, engine)
        for candidate in names:
            run = Run(root / candidate)
            if not name_taken(candidate) and _move_to_free_name(new.path, run.path):
                sync_folder(root)
                return run
            if name:
                raise RunError(f"run {name} already exists; resume it with --resume {name}, or choose another --run")
    finally:
        remove_tree(new.path)
    raise RunError(f"no free name for a run of {config.preset}; choose one with --run")


def check_writable(run: Run | None = None) -> None:
    """Raises StorageError if no run can be created, or this one can't be written, so that training fails now and not minutes later."""
    check_folder(run.path if run else paths.ensure_folder(paths.runs_dir()))


def name_taken(name: str) -> bool:
    """Whether a new run can't have this name. Raises RunError if no run can have it."""
    path = paths.runs_dir() / check_name(name)
    return os.path.lexists(path) and not _is_abandoned(path)


def _is_abandoned(path: Path) -> bool:
    """Whether a process died while it created this folder: it contains nothing but folders and unfinished files."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        return all(file.suffix == ".part" if file.is_symlink() or not file.is_dir() else file.parent == path for file in path.rglob("*"))
    except OSError:
        return False  # another process is changing it


def _clear(path: Path) -> None:
    """Empty an abandoned folder, so that a run can be renamed onto it."""
    with suppress(OSError):
        for part in path.rglob("*.part"):
            part.unlink()
        for folder in path.iterdir():
            folder.rmdir()


def delete_run(run: Run) -> Path | None:
    """Delete a run with everything in it. If the run is a symbolic link, delete only the link, and return the folder it points to.

    Raises RunError if the run is being trained, StorageError if it can't be removed.
    """
    target = run.path.resolve() if run.path.is_symlink() else None
    hidden = run.path.with_name(f".{run.name}.deleted-{os.getpid()}-{time.time_ns()}")
    claim = Claim(run.path, run.has_ended)
    try:
        if target:
            run.path.unlink()
        else:
            run.path.rename(hidden)  # hidden first, so that half a run is never found
    except OSError as error:
        raise StorageError(f"can't remove {run.path}: {error.strerror}") from None
    finally:
        claim.release()
    _sweep(hidden.parent)
    if hidden.exists():
        raise StorageError(f"run {run.name} is deleted, but not all its files can be removed; remove {hidden} by hand")
    return target


def check_idle(run: Run) -> None:
    """Raises RunError if the run is being trained."""
    Claim(run.path, run.has_ended).release()


def check_free_name(name: str) -> None:
    """Raises RunError if no run can be given this name, or if one has it."""
    if name_taken(name):
        raise RunError(f"run {name} already exists; choose another name")


def rename_run(run: Run, name: str) -> Run:
    """Give a run another name. Raises RunError if the name is taken or no run can have it, or if the run is being trained."""
    check_free_name(name)
    renamed = Run(paths.runs_dir() / name)
    claim = Claim(run.path, run.has_ended)
    try:
        if not _move_to_free_name(run.path, renamed.path):
            raise RunError(f"run {name} already exists; choose another name")
    finally:
        claim.release()
    return renamed


def _move_to_free_name(path: Path, target: Path) -> bool:
    """Move a run's folder, or the link to it, to a free name. Returns False if the name is taken. Raises StorageError."""
    if _is_abandoned(target):
        _clear(target)
    try:
        if path.is_symlink():  # renaming a link would replace another link
            target.symlink_to(path.readlink())
            path.unlink()
        else:
            path.rename(target)
    except OSError as error:
        if error.errno in NAME_TAKEN:
            return False
        raise StorageError(f"can't create {target}: {error.strerror}; set DIGITTY_HOME to a folder you can write to") from None
    return True


def _sweep(root: Path) -> None:
    """Remove deleted runs, and the remains of runs that were being created or deleted when a process was killed."""
    for folder in root.glob(".*.deleted-*"):
        remove_tree(folder)
    for folder in root.glob(".new-*"):
        with suppress(OSError):
            if abs(time.time() - folder.lstat().st_mtime) > ABANDONED_AFTER:
                remove_tree(folder)
