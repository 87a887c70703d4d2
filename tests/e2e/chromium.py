"""Where the system's Chromium is: `python tests/e2e/chromium.py` prints that, and fails where there is none. Needs nothing but Python."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_chromium() -> str | None:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(MAC) if MAC.exists() else None)


if __name__ == "__main__":
    print(found := find_chromium())
    sys.exit(not found)
