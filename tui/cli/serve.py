"""`digitty serve`: the command. The server, which needs the extra `serve`, is in tui/web."""

from __future__ import annotations

import secrets
import shlex
import sys

import click

from engine.errors import InputError
from tui.web.access import LOOPBACK, check_address

COMMAND = f"TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 exec {shlex.quote(sys.executable)} -P -m tui"
"""What a session runs, whichever terminal the server was started from. `-P` prevents imports from the working folder."""


@click.command(help="Open the screen in a browser; by default only on this machine. ctrl+c saves the training and ends the server.")
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port to listen on; 0 takes a free one.")
@click.option(
    "--token",
    envvar="DIGITTY_TOKEN",
    help="Access token, 16 characters or more; safer in DIGITTY_TOKEN, since ps shows options.  [default: a new one]",
)
@click.option("--public", is_flag=True, help="Let other machines connect, without encryption. Safer: ssh -L 8000:127.0.0.1:8000.")
def serve(host: str, port: int, token: str | None, public: bool) -> None:
    check_address(host, token, public)
    try:
        from tui.web.server import run
    except ModuleNotFoundError as missing:
        raise InputError(f"digitty serve needs {missing.name}; install it with: pip install 'digitty[serve]'") from None
    run(host, port, token or secrets.token_urlsafe(24), COMMAND)
