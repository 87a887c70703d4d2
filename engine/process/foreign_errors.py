"""Explain exceptions that are not digitty's fault: missing packages, a full disk, too little memory. Imports no other package."""

from __future__ import annotations

import errno
import shlex
import sys

from engine.errors import DeviceError, DigittyError, InputError, PackageError, StorageError
from engine.formatting import printable

OWN_PACKAGES = ("engine", "tui")
PACKAGES = {"PIL": "pillow", "torch": "torch torchvision", "rich_pixels": "rich-pixels", "textual_serve": "textual-serve"}
"""pip's name of a module, where it differs; a torch without the matching torchvision is of no use."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
UNUSABLE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "it is a link to itself",
    errno.EACCES: "choose a file or folder that you may use",
    errno.EPERM: "choose a file or folder that you may use",
}
"""Errors of a path that its owner can change, and how."""
LONGEST = 200
"""Characters of a path that are repeated."""
LOADING = "failed to map segment"
"""The message of the loader of shared libraries."""
NO_MEMORY = (
    LOADING,
    "cannot allocate memory",
    "can't allocate memory",
    "unable to mmap",
    "not enough memory",
    "out of memory",
    "bad_alloc",
)
"""Messages of the loader, the kernel, torch and Python for too little memory, in lower case."""


def explain(error: BaseException) -> DigittyError | None:
    """The error to report instead of `error`; None if the fault is digitty's own."""
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        where = f"can't write {error.filename}: " if error.filename else ""
        return StorageError(f"{where}{error.strerror}; free some space, or set DIGITTY_HOME to a folder you can write to")
    if isinstance(error, OSError) and error.errno in UNUSABLE and isinstance(error.filename, str):
        return InputError(f"can't use {printable(error.filename, LONGEST)}: {error.strerror}; {UNUSABLE[error.errno]}")
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return StorageError("no folder for temporary files is writable; free some space, or set TMPDIR to a folder you can write to")
    if isinstance(error, MemoryError) or (isinstance(error, ImportError | OSError | RuntimeError) and _lacks_memory(error)):
        loading = " to load its libraries" if LOADING in str(error) else ""
        return DeviceError(f"not enough memory{loading}; raise the memory limit (ulimit -v, or that of the container), or use a smaller batch")
    if "can't start new thread" in str(error) or (isinstance(error, OSError) and error.errno == errno.EAGAIN):
        return DeviceError("no more processes or threads can be started; raise the limit (ulimit -u, or that of the container), or end some of them")
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] not in OWN_PACKAGES:
        return _package_error(error)
    return None


def _lacks_memory(error: BaseException) -> bool:
    no_memory = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return no_memory or any(sign in str(error).lower() for sign in NO_MEMORY)


def _package_error(error: ImportError) -> PackageError:
    module = (error.name or "").partition(".")[0]
    package = PACKAGES.get(module, module)
    if module in sys.stdlib_module_names:
        return PackageError(f"Python's own module {module} is missing or can't be read ({printable(str(error))}); reinstall Python")
    install = f"{printable(shlex.quote(sys.executable))} -m pip install"
    if isinstance(error, ModuleNotFoundError) and module == error.name:
        return PackageError(f"{module} is not installed; install it with: {install} {package}")
    reinstall = f"reinstall it with: {install} --force-reinstall {package}" if package else "reinstall digitty's packages"
    return PackageError(f"{module or 'a package'} can't be loaded ({printable(str(error))}); {reinstall}")
