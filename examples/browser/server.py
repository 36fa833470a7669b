"""The backend of the browser example: it serves the page and lends it a client secret; your API key stays here.

python server.py 8080        then open http://127.0.0.1:8080/
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

URL = os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1")
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {
        "input": {
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 600},
        }
    },
}


def client_secret():
    """Good for a minute, and for this session."""
    request = urllib.request.Request(
        f"{URL}/realtime/client_secrets",
        json.dumps({"expires_after": {"anchor": "created_at", "seconds": 60}, "session": SESSION}).encode(),
        {"Authorization": f"Bearer {os.environ['ANTIPHON_API_KEY']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["value"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer("text/html; charset=utf-8", Path(__file__).with_name("index.html").read_bytes())

    def do_POST(self):  # here a real backend would ask who this is
        body = {"url": URL.replace("http", "ws", 1) + "/realtime", "secret": client_secret()}
        self.answer("application/json", json.dumps(body).encode())

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
