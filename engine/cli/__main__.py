"""Where `python -m engine.cli` begins: ctrl+c during the imports ends the process without a traceback."""

import _signal  # type: ignore[import-not-found]  # compiled into the interpreter: importing `signal` takes milliseconds, in which ctrl+c would be a traceback

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

from engine.cli.main import main

if __name__ == "__main__":
    main()
