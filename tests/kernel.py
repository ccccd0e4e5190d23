"A real kernel, seen as a front end sees it, and papermill as a person runs it."

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import psutil
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook


class Kernel:
    "A kernel, and what a front end makes of its messages."

    def __init__(self, folder: Path, *, weights: bool = False):  # weights: those of this machine are seen
        environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
        if not weights:
            environment["LLMENG_HOME"] = str(folder / "home")
        self.manager, self.client = start_new_kernel(
            kernel_name="python3",
            cwd=str(folder),
            env=environment,
            extra_arguments=["--HistoryManager.hist_file=:memory:"],
        )
        self.outputs: list[dict] = []
        self.updates: list[dict] = []  # each state of a display while it was live

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.pid)

    def send(self, code: str, cell_id: str | None = None) -> str:
        "Execute a cell; `finish` waits for it."
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, request: str, *, on_update: Callable | None = None, within_s: float = 60) -> dict:
        "Wait for a cell; its outputs are as a notebook would save them. `queue.Empty` when it takes too long."
        ends = time.monotonic() + within_s
        self.outputs, self.updates, clearing = [], [], False
        while True:
            message = self.client.get_iopub_msg(timeout=_left(ends))
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "clear_output":
                clearing = True
            if kind == "update_display_data":
                for output in self.outputs:
                    if output.get("id") == content["transient"]["display_id"]:
                        output["data"] = content["data"]
                self.updates.append(content["data"])
                if on_update:
                    on_update(content["data"])
            if kind in ("stream", "display_data", "execute_result", "error"):
                if clearing:
                    self.outputs, clearing = [], False
                identity = (content.get("transient") or {}).get("display_id")
                self.outputs.append({"type": kind, "id": identity, **content})
        while True:
            reply = self.client.get_shell_msg(timeout=_left(ends))
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def run(
        self,
        code: str,
        cell_id: str | None = None,
        on_update: Callable | None = None,
        *,
        within_s: float = 60,
    ) -> dict:
        "Execute a cell and wait for it."
        return self.finish(self.send(code, cell_id), on_update=on_update, within_s=within_s)

    def value(self, expression: str):
        "A JSON value out of the kernel."
        reply = self.run(f"import json; print(json.dumps({expression}))")
        assert reply["status"] == "ok", reply
        return json.loads("".join(output["text"] for output in self.outputs))

    def shown(self) -> str:
        "What the cell left on the screen beside its error, as text."
        texts = [
            output.get("text") or output["data"].get("text/plain", "")
            for output in self.outputs
            if output["type"] != "error"
        ]
        return "\n".join(texts)

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def engine(self) -> psutil.Process | None:
        "The process of the local model; None while there is none."
        for child in self.process.children():
            with contextlib.suppress(psutil.Error):
                if any("from llmeng.models." in word for word in child.cmdline()):
                    return child
        return None

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def wait_for(what: Callable, *, within_s: float = 20):
    "The first value of `what()` that is not empty."
    ends = time.monotonic() + within_s
    while not (value := what()):
        assert time.monotonic() < ends, f"waited {within_s} s in vain"
        time.sleep(0.01)
    return value


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise queue.Empty("the cell takes too long")
    return left


def run_papermill(
    folder: Path,
    *cells: str,
    environment: Mapping[str, str | None] | None = None,  # set on top; None takes a variable away
) -> tuple[int, nbformat.NotebookNode, str]:  # exit code, the notebook, what was printed
    "Run a notebook on papermill's command line."
    folder.mkdir(exist_ok=True)
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    nbformat.write(notebook, folder / "in.ipynb")
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "-k", "python3", "in.ipynb", "out.ipynb"],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, nbformat.read(folder / "out.ipynb", 4), done.stdout + done.stderr
