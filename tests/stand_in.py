"""A small HTTP server on loopback that plays a provider: right answers, refusals, garbage, cut lines, slowness.

    with StandIn(refusal(429, "slow down", headers={"retry-after": "2"}), openai_stream("All right.")) as server:
        model = get_model(f"{server.url}/v1#demo")

Each request gets the next reply, the last one serves for ever; `server.requests` keeps what was asked. Run as a
program it serves one answer for ever, for measurements: `python tests/stand_in.py --latency 0.05` prints its address.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CUT = None  # among the pieces of a reply: the line breaks here


@dataclass(frozen=True)
class Request:
    "What was asked."

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: Any  # JSON, or the text where it is none


@dataclass(frozen=True)
class Reply:
    "What to answer."

    status: int | None = 200  # None hangs up without a word
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[
        bytes | float | None
    ] = ()  # bytes are sent, a number waits so many seconds, `CUT` cuts the line


HANG_UP = Reply(None)


def refusal(
    status: int, message: str = "no", *, headers: Mapping[str, str] | None = None, **fields: Any
) -> Reply:
    "An error as OpenAI words it; `fields` are code, type, ..."
    body = json.dumps({"error": {"message": message, **fields}}).encode()
    return Reply(status, {"content-type": "application/json", **(headers or {})}, [body])


def page(status: int = 502, title: str = "Bad Gateway") -> Reply:
    "What a proxy in between answers."
    text = f"<!doctype html><html><head><title>{title}</title></head><body>{title}</body></html>"
    return Reply(status, {"content-type": "text/html"}, [text.encode()])


def events(*data: Any, names: bool = False) -> list[bytes]:
    "Server-sent events of JSON values; texts go as they are. `names` adds the event's type, as Anthropic does."
    lines = []
    for item in data:
        name = f"event: {item['type']}\n" if names else ""
        lines.append(f"{name}data: {item if isinstance(item, str) else json.dumps(item)}\n\n".encode())
    return lines


def stream(pieces: Iterable[bytes | float | None]) -> Reply:
    "A stream of events."
    return Reply(200, {"content-type": "text/event-stream"}, list(pieces))


def openai_chunks(text: str, *, model: str = "demo", finish: str = "stop") -> list[Any]:
    "An answer, a word per chunk, as OpenAI's protocol streams it."
    words = text.split(" ")
    said = [{"role": "assistant", "content": ""}] + [
        {"content": word + (" " if n < len(words) - 1 else "")} for n, word in enumerate(words)
    ]
    chunks: list[Any] = [
        {"model": model, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in said
    ]
    chunks.append({"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": len(words),
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    chunks.append({"model": model, "choices": [], "usage": usage})
    return [*chunks, "[DONE]"]


def openai_stream(text: str, *, latency_s: float = 0.0, **settings: Any) -> Reply:
    "A whole answer in OpenAI's protocol, after `latency_s`."
    return stream([latency_s, *events(*openai_chunks(text, **settings))])


def anthropic_events(text: str, *, model: str = "demo", stop: str = "end_turn") -> list[Any]:
    "An answer, a word per event, as Anthropic's protocol streams it."
    words = text.split(" ")
    start = {
        "id": "msg_1",
        "model": model,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1},
    }
    deltas = [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": word + (" " if n < len(words) - 1 else "")},
        }
        for n, word in enumerate(words)
    ]
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": len(words)}},
        {"type": "message_stop"},
    ]


def anthropic_stream(text: str, *, latency_s: float = 0.0, **settings: Any) -> Reply:
    "A whole answer in Anthropic's protocol, after `latency_s`."
    return stream([latency_s, *events(*anthropic_events(text, **settings), names=True)])


class StandIn(ThreadingHTTPServer):
    "Answers each request with the next reply, or with what a function makes of the request."

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, *replies: Reply | Callable[[Request], Reply], port: int = 0):
        self.replies = list(replies)
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = self.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def next_reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(request) if callable(reply) else reply

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that go away are part of the play


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = text.decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.next_reply(Request(self.command, self.path, headers, body))
        if reply.status is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        chunked = not any(name.lower() == "content-length" for name in reply.headers)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if chunked:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            if piece is CUT:
                self.close_connection = True
                return
            if isinstance(piece, bytes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            else:
                time.sleep(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve one answer for ever, until standard input closes.")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before the answer")
    parser.add_argument("--text", default="It is four.", help="the answer")
    parser.add_argument("--protocol", choices=("openai", "anthropic"), default="openai")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    make = openai_stream if given.protocol == "openai" else anthropic_stream
    with StandIn(make(given.text, latency_s=given.latency), port=given.port) as server:
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()


if __name__ == "__main__":
    main()
