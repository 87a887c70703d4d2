"""Where `digitty` and `python -m tui` begin: ctrl+c during the imports ends the process without a traceback."""

import _signal  # type: ignore[import-not-found]  # compiled into the interpreter: importing `signal` takes milliseconds, in which ctrl+c would be a traceback

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> None:
    """The command, which handles ctrl+c itself once it runs."""
    import sys

    from engine.process import torch_libraries
    from engine.process.quick_imports import quick_imports
    from tui.cli.early import will_need_torch

    if will_need_torch(sys.argv[1:]):
        torch_libraries.load_in_background()
    with quick_imports():
        from tui.cli.main import main as digitty

    digitty()


if __name__ == "__main__":
    main()
