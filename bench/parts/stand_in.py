"""A server that answers every chat completion after a fixed time, with the same words.

    python bench/parts/stand_in.py 0.05

prints its address and runs until its input is closed. It speaks as much of OpenAI's protocol as the contestants use,
streamed or not, and keeps connections open; written on asyncio alone, because it must not be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

WORDS = os.environ.get("STAND_IN_WORDS", "The answer is forty-two, as everybody knows by now .").split()
USAGE = {"prompt_tokens": 12, "completion_tokens": len(WORDS), "total_tokens": 12 + len(WORDS)}
COMMON = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "stand-in"}


def _chunk(delta: dict, finish: str | None = None, usage: dict | None = None) -> bytes:
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {**COMMON, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


STREAM = b"".join(
    [
        _chunk({"role": "assistant", "content": ""}),
        *(_chunk({"content": word + " "}) for word in WORDS),
        _chunk({}, finish="stop"),
        _chunk({}, usage=USAGE),
        b"data: [DONE]\n\n",
    ]
)
WHOLE = json.dumps(
    {
        **COMMON,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": " ".join(WORDS)},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
).encode()


def _reply(body: bytes, kind: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (
        kind.encode(),
        len(body),
        body,
    )


REPLIES = {True: _reply(STREAM, "text/event-stream"), False: _reply(WHOLE, "application/json")}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency_s: float) -> None:
    "Serve one connection."
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(
                int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")
            )
            asked = json.loads(await reader.readexactly(length))
            await asyncio.sleep(latency_s)
            writer.write(REPLIES[bool(asked.get("stream"))])
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(latency_s: float) -> None:
    "Print the address, and serve until the input is closed."
    server = await asyncio.start_server(lambda r, w: answer(r, w, latency_s), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # whoever is still connected has left


@contextmanager
def stand_in(
    latency_s: float,  # from a request to its answer
    words: str | None = None,  # that it says; None: its own
) -> Iterator[str]:  # its address, with the /v1
    "A stand-in server in a process of its own."
    command = [sys.executable, __file__, str(latency_s)]
    env = {**os.environ, **({"STAND_IN_WORDS": words} if words else {})}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    try:
        yield child.stdout.readline().strip()
    finally:
        child.stdin.close()
        child.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
