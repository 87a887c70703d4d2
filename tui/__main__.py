"""Where `digitty` and `python -m tui` begin: ctrl+c amid the imports ends the process without a traceback."""

from __future__ import annotations

import signal


def main() -> None:
    """The command, which from then on hears ctrl+c itself."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tui.cli import main as digitty

    digitty()


if __name__ == "__main__":
    main()
