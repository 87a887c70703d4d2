"""The page of `digitty serve`: textual-serve's, with a script that holds the session key.

The key is not a cookie: browsers send the cookies of a host to all its ports, and so to servers of other users on this machine. The key comes in
the fragment of the first address, which browsers never send. Once a session has opened, the script moves it into the storage of this origin (a
host and a port). It leaves the page only as a websocket subprotocol.

The terminal has the keyboard from the start, and the button of a closed session afterwards. The page never scrolls, else a space would do that
before a click. The script puts on the clipboard what OSC 52 holds, which the terminal in the page does not; browsers allow that after a key, at
addresses of this machine.
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
<link rel="icon" href="data:,">
<style>html, body { overflow: hidden; }</style>
<script>
(() => {
  const name = "digitty-key";
  const newKey = (/^#key=([\\w-]+)$/.exec(location.hash) || [])[1];
  const loadKey = () => { try { return localStorage.getItem(name); } catch { return null; } };
  const storeKey = (key) => { try { localStorage.setItem(name, key); return true; } catch { return false; } };
  const key = newKey || loadKey();
  const showMessage = (text) => { document.querySelector(".closed-dialog .message").textContent = text; };
  const takeKeys = () => document.querySelector(".xterm-helper-textarea")?.focus({ preventScroll: true });
  const copy = (bytes) => {
    const sent = /\\x1b\\]52;c;([\\w+/=]+)\\x07/.exec(new TextDecoder().decode(bytes));
    if (sent) navigator.clipboard?.writeText(new TextDecoder().decode(Uint8Array.from(atob(sent[1]), (c) => c.charCodeAt(0)))).catch(() => {});
  };
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(url) {
      super(url, key ? ["PROTOCOL", key] : ["PROTOCOL"]);
      let opened = false;
      this.addEventListener("open", () => {
        opened = true;
        if (newKey && storeKey(key)) history.replaceState(null, "", location.pathname + location.search);
      });
      this.addEventListener("message", takeKeys, { once: true });
      this.addEventListener("message", ({ data }) => {
        if (data instanceof Blob) data.arrayBuffer().then(copy);
        else if (data instanceof ArrayBuffer) copy(data);
      });
      this.addEventListener("close", (event) => {
        setTimeout(() => document.querySelector(".closed-dialog button").focus(), 100);  // once it is shown
        if (event.reason) showMessage(event.reason);
        else if (!opened) showMessage("No session was opened. Open the address that digitty serve printed, and check that it still runs.");
        else if (event.code === 1006) showMessage("The connection was lost. The session saves its training and ends.");
      });
    }
  };
})();
</script>
""".replace("PROTOCOL", PROTOCOL)


def add_script(page: str, origin: str) -> str:
    """The page with SCRIPT before textual-serve's own, and without links to other hosts, whose font the policy blocks anyway.

    `origin`, such as http://localhost:8000, is how the page names this server.
    """
    return FOREIGN_LINK.sub("", page.replace(f'"{origin}/', '"/')).replace("<head>", f"<head>{SCRIPT}", 1)


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
