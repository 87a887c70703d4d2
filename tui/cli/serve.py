"""`digitty serve`: the command, and which addresses it takes. The server itself, which needs the extra `serve`, is in tui/web."""

from __future__ import annotations

import ipaddress
import secrets
import shlex
import sys

import click

from engine.errors import InputError

LOOPBACK = "127.0.0.1"
COMMAND = f"TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 exec {shlex.quote(sys.executable)} -P -m tui"
"""What a session runs, whatever terminal the server was started from. `-P` keeps it from importing files of the working folder."""


@click.command(help="Open the screen in a browser, on this machine alone unless told otherwise. ctrl+c ends it, and saves what trains.")
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--token", envvar="DIGITTY_TOKEN", help="16 characters or more; better as DIGITTY_TOKEN, since ps shows options.  [default: a new one]")
@click.option("--public", is_flag=True, help="Let other machines in, over the network as it is; better: ssh -L 8000:127.0.0.1:8000.")
def serve(host: str, port: int, token: str | None, public: bool) -> None:
    checked(host, token, public)
    try:
        from tui.web.server import run
    except ModuleNotFoundError as missing:
        raise InputError(f"serving needs {missing.name}: pip install 'digitty[serve]'") from None
    run(host, port, token or secrets.token_urlsafe(24), COMMAND)


def checked(host: str, token: str | None, public: bool) -> None:
    """Raises InputError for an address that other machines reach, unless that is wanted and guarded."""
    if not is_loopback(host) and not (public and token):
        raise InputError(f"{host} lets other machines in: that needs --public and a token in DIGITTY_TOKEN; better use ssh -L 8000:127.0.0.1:8000")
    if token is not None and len(token) < 16:
        raise InputError("a token needs at least 16 characters; leave it out for a new one")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
