"""A batch of 100 prompts, start-up included: llmeng against a bare httpx loop and the openai client.

    .venv/bin/python bench/batch.py [N]

Whole processes, from start to end, concurrency 8, against a stand-in server that answers after 50 ms. The floor is
100 / 8 rounds of 50 ms: 0.65 s. The openai client comes with the extra `dev`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from parts.measure import alternate, median, process, table, target
from parts.stand_in import stand_in

PARTS = Path(__file__).parent / "parts"


def main(n: int = 9) -> None:
    with stand_in(0.05) as address:

        def contestant(name: str):
            return lambda: process([sys.executable, str(PARTS / f"batch_{name}.py"), address])["wall_s"]

        took = alternate({name: contestant(name) for name in ("httpx", "llmeng", "openai")}, n)
    table("100 prompts at concurrency 8, 50 ms each, whole process", took, "ms", base="httpx")
    target("llmeng over a bare httpx loop", median(took["llmeng"]) / median(took["httpx"]), 1.3, " x")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
