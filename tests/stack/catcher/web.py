"""The HTTP side of the mail catcher: pages for people, JSON for tests.

  GET    /                             the caught mails
  GET    /mails/ID                     one mail: text, HTML in a sandboxed frame, source
  GET    /api/messages?to=&contains=&count=&wait=SECONDS
  GET    /api/messages/ID              with /raw behind it: as received
  DELETE /api/messages                 forget all
  GET    /api/mode                     which fault is on, how often each was hit
  PUT    /api/mode                     {"mode", "times": N or null, "seconds"}; see smtp.py
"""

import html
import http.server
import json
import re
import threading
import urllib.parse

from catcher import smtp, store

WAIT_SECONDS_MAX = 120

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ text-align: left; padding: .4rem; border-bottom: 1px solid #ddd }}
iframe {{ width: 100%; height: 28rem; border: 1px solid #ddd }} pre {{ white-space: pre-wrap; background: #f6f6f6; padding: 1rem }}
</style><h1>{title}</h1>{body}</html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mails = None
    faults = None

    def do_GET(self):
        path, query = self.split()
        routes = (
            (r"/", self.page_list),
            (r"/mails/(\d+)", self.page_mail),
            (r"/api/messages", self.api_messages),
            (r"/api/messages/(\d+)", self.api_message),
            (r"/api/messages/(\d+)/raw", self.api_raw),
            (r"/api/mode", self.api_mode),
        )
        for pattern, handler in routes:
            if match := re.fullmatch(pattern, path):
                return handler(query, *map(int, match.groups()))
        return self.send_json(404, {"error": "no such page"})

    def do_DELETE(self):
        if self.split()[0] != "/api/messages":
            return self.send_json(404, {"error": "no such page"})
        self.mails.clear()
        return self.send_json(200, {"ok": True})

    def do_PUT(self):
        if self.split()[0] != "/api/mode":
            return self.send_json(404, {"error": "no such page"})
        try:
            wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            mode, times, seconds = wish["mode"], wish.get("times"), float(wish.get("seconds", 0))
        except (KeyError, TypeError, ValueError):
            return self.send_json(400, {"error": 'the body must be {"mode", "times", "seconds"}'})
        if mode not in smtp.MODES:
            return self.send_json(400, {"error": f"mode must be one of {', '.join(smtp.MODES)}"})
        self.faults.set(mode, times, seconds)
        return self.send_json(200, self.faults.report())

    def api_messages(self, query):
        try:
            wait_seconds = min(float(query.get("wait", 0)), WAIT_SECONDS_MAX)
            count = int(query.get("count", 1))
        except ValueError:
            return self.send_json(400, {"error": "wait and count must be numbers"})
        found = self.mails.find(query.get("to"), query.get("contains"), count, wait_seconds)
        return self.send_json(200, {"messages": found})

    def api_message(self, _query, mail_id):
        mail = self.mails.get(mail_id)
        return self.send_json(200, mail) if mail else self.send_json(404, {"error": "no such mail"})

    def api_raw(self, _query, mail_id):
        if not self.mails.get(mail_id):
            return self.send_json(404, {"error": "no such mail"})
        return self.send(200, "message/rfc822", self.mails.raw(mail_id))

    def api_mode(self, _query):
        return self.send_json(200, self.faults.report())

    def page_list(self, _query):
        rows = "".join(
            f'<tr><td>{mail["receivedAt"][:19].replace("T", " ")}<td>{html.escape(", ".join(mail["envelopeTo"]))}'
            f'<td><a href="/mails/{mail["id"]}">{html.escape(mail["subject"])}</a>'
            for mail in reversed(self.mails.find(count=0))
        )
        table = f"<table><tr><th>received (UTC)<th>to<th>subject{rows}</table>"
        return self.send_page("Caught mails", table if rows else "<p>Nothing has been mailed yet.</p>")

    def page_mail(self, _query, mail_id):
        mail = self.mails.get(mail_id)
        if not mail:
            return self.send_json(404, {"error": "no such mail"})
        head = "".join(
            f"<tr><th>{name}<td>{html.escape(mail[key])}"
            for name, key in (("from", "from"), ("to", "to"), ("message id", "messageId"))
        )
        frame = f'<h2>HTML</h2><iframe sandbox srcdoc="{html.escape(mail["html"])}"></iframe>' if mail["html"] else ""
        body = (
            f'<p><a href="/">all mails</a> · <a href="/api/messages/{mail_id}/raw">source</a></p>'
            f'<table>{head}</table><h2>Text</h2><pre>{link_up(mail["text"])}</pre>{frame}'
        )
        return self.send_page(mail["subject"], body)

    def split(self):
        url = urllib.parse.urlsplit(self.path)
        return url.path, dict(urllib.parse.parse_qsl(url.query))

    def send_page(self, title, body):
        page = PAGE.format(title=html.escape(title), body=body)
        return self.send(200, "text/html; charset=utf-8", page.encode())

    def send_json(self, status, value):
        return self.send(status, "application/json", json.dumps(value, ensure_ascii=False).encode())

    def send(self, status, content_type, content):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass  # its standard output is read by the stack, its standard error by people


def link_up(text):
    """The text as HTML, its links to click."""
    linked, position = [], 0
    for match in store.LINK.finditer(text):
        link = html.escape(match.group())
        linked += [html.escape(text[position : match.start()]), f'<a href="{link}">{link}</a>']
        position = match.end()
    return "".join(linked) + html.escape(text[position:])


def start(host, port, mails, faults):
    handler = type("BoundHandler", (Handler,), {"mails": mails, "faults": faults})
    server = http.server.ThreadingHTTPServer((host, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
