"""Load torch's libraries in a thread from the first moment of a process, so that `import torch` finds them in memory. Knows no torch.

Loading them is about a fifth of `import torch`. The system's loader does it without Python's lock, so all other imports go on beside it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

_thread: threading.Thread | None = None


def set_environment() -> None:
    """Set what OpenMP reads once, when it is loaded."""
    # its threads sleep while they wait for one another; spinning, they would take processors from whatever else runs
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load_in_background() -> None:
    """Begin to load the libraries, at most once. Does nothing outside Linux, on a single processor, or where torch is missing.

    Where loading fails, `import torch` tries again and reports it.
    """
    global _thread
    if _thread or "torch" in sys.modules or not sys.platform.startswith("linux") or len(os.sched_getaffinity(0)) < 2:
        return
    with suppress(OSError, AttributeError, ValueError):
        found = PathFinder.find_spec("torch")
        folders = found.submodule_search_locations if found else None
        if folders:
            set_environment()
            load = ctypes.CDLL(None).dlopen  # called as a function of C, it runs without Python's lock; ctypes.CDLL(name) would hold it
            load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
            _thread = threading.Thread(target=_load, args=(load, Path(folders[0], "lib")), name="torch libraries", daemon=True)
            _thread.start()


def are_loading() -> bool:
    """Whether the libraries are being loaded now. Python can't shut down before that is over, which takes long where the disk is slow."""
    return _thread is not None and _thread.is_alive()


def _load(load: Callable[[bytes, int], int | None], folder: Path) -> None:
    """Loads what torch itself loads first, in its order and ways. The second library brings in all that needs no Python."""
    for name, mode in (("libtorch_global_deps.so", os.RTLD_GLOBAL | os.RTLD_NOW), ("libtorch.so", os.RTLD_LAZY)):
        if not load(os.fsencode(folder / name), mode):
            return
