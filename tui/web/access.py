"""Which addresses `digitty serve` may listen on."""

from __future__ import annotations

import ipaddress

from engine.errors import InputError
from engine.formatting import printable

LOOPBACK = "127.0.0.1"


def check_address(host: str, token: str | None, public: bool) -> None:
    """Raises InputError for an address that other machines can reach, unless `public` allows it and a token guards it."""
    if not is_loopback(host) and not (public and token):
        way_in = f"listening on {printable(repr(host))} lets other machines in"
        raise InputError(f"{way_in}, which needs --public and a token in DIGITTY_TOKEN; ssh -L 8000:127.0.0.1:8000 is safer")
    if token is not None and len(token) < 16:
        raise InputError("a token needs at least 16 characters; leave it out to get a new one")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
