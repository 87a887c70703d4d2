"""Why a test may be skipped. Under CI any other reason fails the run: what is skipped everywhere tests nothing."""

from __future__ import annotations

import os
import re

import pytest

ALLOWED = {
    r"no CUDA device": "no machine of CI has a GPU; developers with one run these tests",
    r"DIGITTY_ORACLES names no folder with .*": "figures of others that may not be committed; developers who have them run these tests",
    r"could not import 'pyarrow.*": "the extra parquet takes 150 MB; those who change how Parquet is read install it and run these tests",
    r"developers need not have several Pythons": "never on CI itself",
    r"this interpreter has torch": "it draws instead of saying what is missing",
    r"children are looked up in /proc|(the start of a process|memory) is read from /proc": "macOS has no /proc",
    r"other systems do not limit address space|macOS knows no affinity": "Linux does both",
    r"this file system takes shorter names only": "an encrypted home may; CI's file systems do not",
}
"""Reasons as regular expressions, and why they are good ones."""


def unlisted(reasons: list[str]) -> list[str]:
    return [reason for reason in reasons if not re.fullmatch("|".join(ALLOWED), reason)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of the process that collects the results of all."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or hasattr(session.config, "workerinput") or reporter is None:
        return
    for reason in unlisted([report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", [])]):
        reporter.write_line(f"\nskipped, and tests/skips.py does not list why: {reason}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
