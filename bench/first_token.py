"""From a fresh kernel to the first words of `%%llm` on the screen, weights on disk.

    .venv/bin/python bench/first_token.py [N]

Each time a kernel is started as Jupyter starts it, loads the extension, and runs one cell; the clock runs from the
start of the kernel's process to the first display that carries text of the model. Nothing is warm but the files.
Beside it a kernel that only runs `1`: what Jupyter itself takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from queue import Empty

from jupyter_client.manager import KernelManager
from parts.measure import alternate, median, table, target

from llmeng.models import weights

CELL = "%%llm\nTell me about the sea."
LIMIT_S = 120


def run(client, code: str, until) -> None:
    "Run a cell and wait for the first message that `until` accepts; its failure ends the measurement."
    began, message_id = time.monotonic(), client.execute(code)
    while time.monotonic() - began < LIMIT_S:
        try:
            message = client.get_iopub_msg(timeout=1)
        except Empty:
            continue
        if message["parent_header"].get("msg_id") != message_id:
            continue
        if message["msg_type"] == "error":
            sys.exit("\n".join(message["content"]["traceback"]))
        if until(message):
            return
    sys.exit(f"Nothing came from {code!r} within {LIMIT_S} s.")


def idle(message) -> bool:
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def has_text(message) -> bool:
    shown = message["msg_type"] in ("display_data", "update_display_data", "execute_result")
    return shown and bool(message["content"]["data"].get("text/plain", "").strip())


def kernel(cells: list[tuple]) -> dict[str, float]:
    "Start a kernel and run cells; seconds from the start to the end of each step."
    manager, began = KernelManager(), time.perf_counter()
    manager.start_kernel(env={**os.environ, "LLMENG_CASSETTE": ""}, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    took = {}
    try:
        client.wait_for_ready(timeout=LIMIT_S)
        took["kernel ready"] = time.perf_counter() - began
        for name, code, until in cells:
            run(client, code, until)
            took[name] = time.perf_counter() - began
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return took


def main(n: int = 7) -> None:
    weights.get("smollm2-135m")
    llmeng = [("extension loaded", "%load_ext llmeng", idle), ("first words", CELL, has_text)]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # without the answers that a project keeps
        runs = alternate({"bare": lambda: kernel([("1", "1", idle)]), "llmeng": lambda: kernel(llmeng)}, n)
        os.chdir("/")
    steps = {"bare kernel, `1`": [took["1"] for took in runs["bare"]]}
    for step in ("kernel ready", "extension loaded", "first words"):
        steps[f"llmeng: {step}"] = [took[step] for took in runs["llmeng"]]
    table("From the start of a kernel", steps, "ms", base="bare kernel, `1`")
    target("fresh kernel to the first words", median(steps["llmeng: first words"]), 3, " s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
