"""What llmeng adds to one call: against the same request by bare httpx on the same server; cassette and cache hits.

    .venv/bin/python bench/call.py [N]

Both ask one llama.cpp server for the same short answer, streamed, taking turns; the difference is taken call by call.
The same again on a stand-in server that answers at once, where nothing else is to be seen. Then hits of a cassette
and of the cache that hold 200 answers, and tokens per second as a caller sees them beside what the server says of the
same answer.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx2
from parts.measure import alternate, interval, median, seconds, table, target
from parts.stand_in import stand_in

from llmeng import Model, get_model
from llmeng.models import weights
from llmeng.models.cassette import Cassette
from llmeng.models.engine import Engine
from llmeng.scale.cache import cache

PROMPT = "Name the capital of France in one word."


def bare(client: httpx2.Client, address: str, name: str, prompt: str, max_tokens: int) -> str:
    "The request that llmeng makes, by hand."
    body = {
        "model": name,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "max_tokens": max_tokens,
    }
    text = ""
    with client.stream("POST", f"{address}/chat/completions", json=body, timeout=60) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
    return text


def compare(where: str, address: str, name: str, n: int, max_tokens: int) -> float:  # seconds more, median
    "Time the two against each other."
    client, model = httpx2.Client(), get_model(f"{address}#{name}")

    def by_hand() -> str:
        try:
            return bare(client, address, name, PROMPT, max_tokens)
        except httpx2.RemoteProtocolError:  # llama.cpp closes a connection now and then, without a word
            return bare(client, address, name, PROMPT, max_tokens)

    contestants: dict[str, Callable[[], str]] = {
        "httpx": by_hand,
        "llmeng": lambda: model(PROMPT, temperature=0, max_tokens=max_tokens).text,
    }
    assert contestants["httpx"]() == contestants["llmeng"]()
    timed = {who: (lambda ask=ask: seconds(ask)) for who, ask in contestants.items()}
    took = alternate(timed, n)
    took["difference"] = [mine - theirs for mine, theirs in zip(took["llmeng"], took["httpx"], strict=True)]
    table(f"One call, {where}", took, "ms")
    low, high = interval(took["difference"])
    print(f"  the median difference lies between {low * 1000:.2f} and {high * 1000:.2f} ms (95%)")
    return median(took["difference"])


def hits(model: Model, n: int) -> dict[str, list[float]]:
    "Time answers that are there already."
    prompts = [f"{PROMPT} ({number})" for number in range(200)]
    with tempfile.TemporaryDirectory() as folder:
        kept = {
            "cassette": Cassette(model, Path(folder, "calls.jsonl")),
            "cache": cache(model, path=Path(folder, "state.db")),
        }
        for wrapped in kept.values():
            wrapped.batch(prompts, temperature=0, progress=False)
        turn = iter(range(10**9))

        def hit(wrapped: Model) -> float:
            prompt, answers = prompts[next(turn) % len(prompts)], []
            took = seconds(lambda: answers.append(wrapped(prompt, temperature=0)))
            assert answers[0].source != "live"
            return took

        return alternate({name: (lambda wrapped=wrapped: hit(wrapped)) for name, wrapped in kept.items()}, n)


def rates(model: Model, n: int) -> dict[str, list[float]]:  # tokens per second
    "Long answers: as the caller sees them, and as the server does."
    seen: dict[str, list[float]] = {"server": [], "llmeng": []}
    for number in range(n + 1):
        answer = model(f"Write a long story about a ship, number {number}.", temperature=0, max_tokens=200)
        if number:  # the first one warms up
            seen["server"].append(answer.raw["timings"]["predicted_per_second"])
            seen["llmeng"].append(answer.tokens_per_s)
    return seen


def main(n: int = 200) -> None:
    with stand_in(0) as address:
        added_at_once = compare("a server that answers at once", address, "stand-in", n, 8)
        held = hits(get_model(f"{address}#stand-in"), n)
    server = Engine(weights.get("smollm2-135m"))
    try:
        address = f"{server.start()}/v1"
        added = compare("llama.cpp, one token", address, server.settings.alias, n, 1)
        speed = rates(get_model(f"{address}#{server.settings.alias}"), 10)
    finally:
        server.stop()
    table("An answer that is there already", held, "ms")
    table("Speed of a long answer", speed, "tokens/s", base="server")
    print()
    target("added to a call, at once", added_at_once * 1000, 3, " ms")
    target("added to a call, llama.cpp", added * 1000, 3, " ms")
    target("cassette hit", median(held["cassette"]) * 1000, 3, " ms")
    target("cache hit", median(held["cache"]) * 1000, 3, " ms")
    target(
        "of the server's tokens/s",
        median(speed["llmeng"]) / median(speed["server"]),
        0.97,
        " x",
        at_least=True,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
