"""The page of `digitty serve`: textual-serve's, with a script that holds the session key.

The key is no cookie: browsers send a host's cookies to every port of it, and so to any other user's server on this machine. It comes in the
fragment of the first address, which browsers send to no server, is moved into the storage of this origin (a host and a port) once a session
has opened, and leaves the page only as a websocket subprotocol.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

PROTOCOL = "digitty"
"""The websocket subprotocol that the server chooses; the page offers the key beside it."""
STATIC = re.compile(r"/static/[\w./-]+\.(?:css|js|png|ttf)")
"""What the page fetches."""
SCRIPT = """
<script>
(() => {
  const name = "digitty-key";
  const given = (/^#key=([\\w-]+)$/.exec(location.hash) || [])[1];
  const kept = () => { try { return localStorage.getItem(name); } catch { return null; } };
  const keep = (key) => { try { localStorage.setItem(name, key); return true; } catch { return false; } };
  const key = given || kept();
  const say = (text) => { document.querySelector(".closed-dialog .message").textContent = text; };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(url) {
      super(url, key ? ["PROTOCOL", key] : ["PROTOCOL"]);
      let opened = false;
      this.addEventListener("open", () => {
        opened = true;
        if (given && keep(key)) history.replaceState(null, "", location.pathname + location.search);
      });
      this.addEventListener("close", (event) => {
        if (event.reason) say(event.reason);
        else if (!opened) say("No session was opened. Open the address that digitty serve printed, and check that it still runs.");
        else if (event.code === 1006) say("The connection was lost. The session saves what it trains and ends.");
      });
    }
  };
})();
</script>
""".replace("PROTOCOL", PROTOCOL)


def with_script(page: str) -> str:
    """The page with the script before textual-serve's own."""
    return page.replace("<head>", f"<head>{SCRIPT}", 1)


def entered(key: str, fontsize: str) -> str:
    """The address of the page with the key in its fragment."""
    return f"/{'?' + urlencode({'fontsize': fontsize}) if fontsize.isdigit() else ''}#key={key}"


def security_headers(host: str | None, is_page: bool) -> dict[str, str]:
    """The page fetches nothing from elsewhere and is shown in no other page's frame. Other files, a screenshot among them, run no script.

    `host` is what the page was reached by.
    """
    socket = f" ws://{host}" if host else ""
    page = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data:; connect-src 'self'{socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": page if is_page else "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
