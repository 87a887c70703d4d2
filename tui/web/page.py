"""The page of `digitty serve`: textual-serve's, with a script that holds the session key.

The key is not a cookie: browsers send the cookies of a host to all its ports, and so to servers of other users on this machine. The key comes in
the fragment of the first address, which browsers never send. Once a session has opened, the script moves it into the storage of this origin (a
host and a port). It leaves the page only as a websocket subprotocol.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

PROTOCOL = "digitty"
"""The websocket subprotocol that the server chooses. The page offers the key as a second one."""
STATIC = re.compile(r"/static/[\w./-]+\.(?:css|js|png|ttf)")
"""The paths of the files that the page fetches."""
FOREIGN_LINK = re.compile(r"<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>")
SCRIPT = """
<script>
(() => {
  const name = "digitty-key";
  const newKey = (/^#key=([\\w-]+)$/.exec(location.hash) || [])[1];
  const loadKey = () => { try { return localStorage.getItem(name); } catch { return null; } };
  const storeKey = (key) => { try { localStorage.setItem(name, key); return true; } catch { return false; } };
  const key = newKey || loadKey();
  const showMessage = (text) => { document.querySelector(".closed-dialog .message").textContent = text; };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(url) {
      super(url, key ? ["PROTOCOL", key] : ["PROTOCOL"]);
      let opened = false;
      this.addEventListener("open", () => {
        opened = true;
        if (newKey && storeKey(key)) history.replaceState(null, "", location.pathname + location.search);
      });
      this.addEventListener("close", (event) => {
        if (event.reason) showMessage(event.reason);
        else if (!opened) showMessage("No session was opened. Open the address that digitty serve printed, and check that it still runs.");
        else if (event.code === 1006) showMessage("The connection was lost. The session saves its training and ends.");
      });
    }
  };
})();
</script>
""".replace("PROTOCOL", PROTOCOL)


def add_script(page: str) -> str:
    """The page with the script before textual-serve's own, and without links to other hosts, whose font the policy blocks anyway."""
    return FOREIGN_LINK.sub("", page).replace("<head>", f"<head>{SCRIPT}", 1)


def page_address(key: str, fontsize: str) -> str:
    """The address of the page with the key in its fragment."""
    return f"/{'?' + urlencode({'fontsize': fontsize}) if fontsize.isdigit() else ''}#key={key}"


def security_headers(host: str | None, is_page: bool) -> dict[str, str]:
    """Headers that keep the page from fetching anything elsewhere or being framed by another page. Other files, such as screenshots, run no script.

    `host` is the name by which the browser reached the page.
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
