"""A door before a model's server that counts who comes through, and shuts after so many.

Paths begin with the name of a counter: `/search/v1/chat/completions` goes on as `/v1/chat/completions`. What is asked goes
on as it came, except that a request for n answers is n calls.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Door(ThreadingHTTPServer):
    "What it counted, by counter; `limits` says how many calls a counter lets through."

    daemon_threads = True

    def __init__(self, server: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = urlsplit(server)
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.limits: dict[str, int] = {}
        self.lock = threading.Lock()

    def address(self, counter: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{counter}/v1"

    def admit(self, counter: str) -> bool:
        with self.lock:
            if self.counts[counter] >= self.limits.get(counter, 10**9):
                self.refused[counter] += 1
                return False
            self.counts[counter] += 1
            return True

    def ask(self, path: str, body: dict) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.behind.hostname, self.behind.port, timeout=3600)
        try:
            connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, counter, path = self.path.split("/", 2)
        n = body.pop("n", None) or 1
        whole, status = None, 200
        for _ in range(n):
            if not self.server.admit(counter):
                status, said = 402, b'{"error": {"message": "The calls are spent."}}'
                break
            status, said = self.server.ask(f"/{path}", body)
            if status != 200:
                break
            answer = json.loads(said)
            if whole is None:
                whole = answer
            else:
                whole["choices"] += [{**answer["choices"][0], "index": len(whole["choices"])}]
        if status == 200:
            said = json.dumps(whole).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *said: object) -> None:
        pass


@contextmanager
def counted(
    server: str,  # the model's address, with or without a path
) -> Iterator[Door]:
    "The door, open for a while."
    door = Door(server)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    try:
        yield door
    finally:
        door.shutdown()
        door.server_close()
