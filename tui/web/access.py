"""Which addresses `digitty serve` may listen on."""

from __future__ import annotations

import ipaddress

from engine.errors import InputError

LOOPBACK = "127.0.0.1"


def check_address(host: str, token: str | None, public: bool) -> None:
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
