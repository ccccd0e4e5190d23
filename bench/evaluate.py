"""An evaluation of 100 samples, start-up included: llmeng against a bare httpx loop, inspect-ai and lm-eval.

    .venv/bin/python bench/evaluate.py [N]

Whole processes, from start to end, concurrency 8, against a stand-in server that answers after 50 ms; the last number
of the answer is compared with the target. lm-eval runs by its own command, as its users run it, which is what the
target is about; `lm_eval_python` is the fastest way we found to call it, from Python with its index of tasks left out.
The floor is 100 / 8 rounds of 50 ms: 0.65 s. inspect-ai and lm-eval are installed into environments of their own, once.
Then 10,000 samples that are kept: opened, filtered and compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from parts.measure import alternate, median, process, table, target
from parts.peers import peer_python
from parts.stand_in import stand_in

PARTS = Path(__file__).parent / "parts"


def main(n: int = 5) -> None:
    folder = Path(tempfile.mkdtemp())
    samples = folder / "sums.jsonl"
    lines = (
        {"input": f"Question {number}: 40 + 2?", "target": "42" if number % 2 else "41"}
        for number in range(100)
    )
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    here = {"LLMENG_STATE": str(folder)}
    pythons = {
        "httpx": sys.executable,
        "llmeng": sys.executable,
        "inspect": peer_python("inspect-ai==0.3.285", "openai"),
        "lm_eval": peer_python("lm-eval==0.4.13", "aiohttp", "requests", "tenacity", "tiktoken", "tqdm"),
    }
    pythons["lm_eval_python"] = pythons["lm_eval"]
    with stand_in(0.05, words="The answer is 42 .") as address:

        def contestant(name: str):
            def run() -> float:
                took = process(
                    [pythons[name], str(PARTS / f"evaluate_{name}.py"), address, str(samples)], here
                )
                assert (took["n"], took["score"]) == (100, 0.5), f"{name} gave {took}"
                return took["wall_s"]

            return run

        took = alternate({name: contestant(name) for name, python in pythons.items() if python}, n)
    table("100 samples at concurrency 8, 50 ms each, whole process", took, "ms", base="httpx")
    target("llmeng over a bare httpx loop", median(took["llmeng"]) / median(took["httpx"]), 1.5, " x")
    for peer, factor in (("inspect", 3), ("lm_eval", 5)):
        if peer in took:
            share = median(took["llmeng"]) / median(took[peer])
            target(f"llmeng over {peer} (at least {factor} times faster)", share, 1 / factor, " x")

    opened = alternate(
        {"10,000 samples": lambda: process([sys.executable, str(PARTS / "stored_runs.py")])}, n
    )
    steps = {
        step: [took[step] for took in opened["10,000 samples"]]
        for step in ("open", "filter", "frame", "compare")
    }
    table("10,000 samples that are kept", steps, "ms")
    target("open, filter and compare 10,000 samples", sum(map(median, steps.values())), 2.0, " s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
