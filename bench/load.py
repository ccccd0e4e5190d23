"""`%load_ext llmeng`: time and memory over bare IPython, and against jupyter-ai-magics 2.31.

    .venv/bin/python bench/load.py [N]

Each is a fresh process with a bare IPython shell; jupyter-ai-magics has an environment of its own, made at the first
run. What counts is what `%load_ext` takes, and how much memory the process has more after it. Whole processes stand
beside it: they show what Python and IPython themselves take.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from parts.measure import alternate, median, process, table, target
from parts.peers import peer_python

PROGRAM = str(Path(__file__).parent / "parts" / "load_extension.py")
PEER = "jupyter-ai-magics==2.31.7"


def main(n: int = 15) -> None:
    with tempfile.TemporaryDirectory() as home:
        env = {"IPYTHONDIR": home, "PYTHONPATH": str(Path(__file__).parents[1])}
        commands = {"bare IPython": [sys.executable, PROGRAM], "llmeng": [sys.executable, PROGRAM, "llmeng"]}
        contestants = {
            name: (lambda command=command: process(command, env)) for name, command in commands.items()
        }
        peer = peer_python(PEER)
        if peer:
            contestants["jupyter-ai"] = lambda: process(
                [peer, PROGRAM, "jupyter_ai_magics"], {**env, "PYTHONPATH": ""}
            )
        took = alternate(contestants, n)

    extensions = [name for name in took if name != "bare IPython"]
    load_s = {name: [run["load_s"] for run in took[name]] for name in extensions}
    memory = {name: [run["memory_mb"] for run in took[name]] for name in extensions}
    wall_s = {name: [run["wall_s"] for run in runs] for name, runs in took.items()}
    table("%load_ext in a fresh shell", load_s, "ms", base="jupyter-ai" if peer else None)
    if peer:
        target(
            "of the time of jupyter-ai-magics",
            median(load_s["llmeng"]) / median(load_s["jupyter-ai"]),
            0.1,
            " x",
        )
    target("time over bare IPython", median(load_s["llmeng"]) * 1000, 150, " ms")
    table("memory that it adds", memory, "MB")
    target("memory over bare IPython", median(memory["llmeng"]), 25, " MB")
    table("the whole process", wall_s, "ms", base="bare IPython")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
