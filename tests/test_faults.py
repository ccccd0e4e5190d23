"""What a person sees when things break: a dead server, a cut line, a full disk, a killed kernel, an interrupt.

Real kernels, real processes and the live local model; a stand-in plays the servers that are paid for elsewhere.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import struct
import subprocess
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from kernel import Kernel, run_papermill, wait_for
from stand_in import (
    CUT,
    HANG_UP,
    Reply,
    StandIn,
    events,
    openai_chunks,
    openai_stream,
    page,
    refusal,
    stream,
)

from llmeng.models import weights
from llmeng.models.recording import Recording

SETUP = """
%load_ext llmeng
from llmeng import get_model
local = get_model("local/smollm2-135m")
"""
TAKE_OUT = "from llmeng.models.cassette import use_cassette; use_cassette(None)"
STORY = "Tell me a long story about a ship."
# the model without its chat template goes on with a text: it counts until it is stopped
COUNT = "%%llm local/smollm2-135m#none -n 4000 --to kept\n1, 2, 3, 4, 5, 6, 7, 8,"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    started = Kernel(tmp_path_factory.mktemp("kernel"), weights=True)
    assert started.run(SETUP)["status"] == "ok"
    yield started
    started.stop()


@pytest.fixture
def fresh_kernel(tmp_path):
    started = Kernel(tmp_path, weights=True)
    assert started.run(SETUP)["status"] == "ok"
    yield started
    started.stop()


def answers(kernel: Kernel) -> None:
    "The next cell is answered, by the local model."
    assert kernel.run("%%llm local/smollm2-135m -n 4\nHi!")["status"] == "ok"
    assert kernel.value("len(_.text)") > 0


def once(act: Callable[[], None], when: Callable[[str], bool]) -> Callable[[dict], None]:
    "Act at the first update of the cell's display that says `when`."
    acted = []

    def on_update(data: dict) -> None:
        if not acted and when(data.get("text/plain", "")):
            acted.append(True)
            act()

    return on_update


def is_short(reply: dict) -> bool:
    "Whether the error is a few lines that say what to do, and no stack."
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(reply["traceback"]))
    assert text.startswith(f"{reply['ename']}: {reply['evalue']}"), text
    return len(text.splitlines()) <= 3 and len(text) < 600 and "Traceback" not in text


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # dead, only not yet waited for
    except psutil.NoSuchProcess:
        return True


def n_generating(url: str) -> int:
    "Answers that a llama.cpp server is working on."
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        text = response.read().decode()
    return int(re.search(r"^llamacpp:requests_processing (\d+)", text, re.MULTILINE)[1])


# The local server dies


def test_the_server_dies_in_the_middle_of_an_answer(kernel):
    pid = kernel.value("local.start().pid")
    kill = once(lambda: os.kill(pid, signal.SIGKILL), lambda text: len(text) > 20)
    reply = kernel.run(f"%%llm --seed 1 -n 400\n{STORY}", on_update=kill)
    assert reply["ename"] == "ServerFailed" and is_short(reply)
    assert "ended in the middle of its answer: it was ended by SIGKILL" in reply["evalue"]
    assert "The next call starts another" in reply["evalue"]
    assert len(kernel.shown()) > 20  # what was said stays on the screen
    answers(kernel)
    assert kernel.value("local.start().pid") != pid


def test_the_server_dies_before_the_first_word(kernel):
    pid = kernel.value("local.start().pid")
    port = int(kernel.value("local.start().url").rpartition(":")[2])
    psutil.Process(pid).suspend()
    request = kernel.send("%%llm -n 4\nHi!")
    wait_for(
        lambda: any(
            line.status == psutil.CONN_ESTABLISHED and line.raddr.port == port
            for line in kernel.process.net_connections("tcp")
        )
    )
    os.kill(pid, signal.SIGKILL)
    assert kernel.finish(request)["status"] == "ok"
    assert [output["type"] for output in kernel.outputs] == ["execute_result"]
    assert kernel.value("len(_.text)") > 0 and kernel.value("local.start().pid") != pid


def test_the_server_dies_while_it_loads(kernel):
    kernel.run("local.start(); local.close()")
    request = kernel.send("%%llm -n 4\nHi!")
    wait_for(kernel.engine).kill()
    reply = kernel.finish(request)
    assert reply["ename"] == "ModelError" and is_short(reply)
    assert "ended by SIGKILL: the system ends processes so when memory runs out" in reply["evalue"]
    assert kernel.shown().strip() == ""
    answers(kernel)


@pytest.mark.parametrize("moment", ["while it loads", "while it streams"])
def test_a_killed_kernel_leaves_no_server_behind(fresh_kernel, moment):
    kernel = fresh_kernel
    request = kernel.send(f"%%llm -n 400\n{STORY}")
    child = wait_for(kernel.engine)
    log = f"/proc/{child.pid}/fd/2"
    log = Path(os.readlink(log)) if os.path.exists(log) else None
    if moment == "while it loads":
        kernel.process.kill()
    else:

        class Killed(Exception):
            pass

        def kill() -> None:
            kernel.process.kill()
            raise Killed

        with pytest.raises(Killed):
            kernel.finish(request, on_update=once(kill, lambda text: len(text) > 20))
    wait_for(lambda: has_ended(child.pid), within_s=8)
    assert log is None or not log.exists()


def test_a_kernel_that_is_shut_down_takes_its_server_along(fresh_kernel):
    pid = fresh_kernel.value("local.start().pid")
    fresh_kernel.manager.shutdown_kernel()
    wait_for(lambda: has_ended(pid), within_s=8)


# Interrupts


def test_interrupt_in_the_middle_of_an_answer(kernel):
    url = kernel.value("local.start().url")
    stop = once(kernel.interrupt, lambda text: len(text) > 20)
    reply = kernel.run(COUNT, on_update=stop)
    assert reply["ename"] == "Interrupted" and is_short(reply)
    assert len(kernel.shown()) > 20 and "interrupted" in kernel.outputs[0]["data"]["text/html"]
    assert kernel.value("kept.finish_reason") == "interrupted" and kernel.value("len(kept.text)") > 20
    wait_for(lambda: n_generating(url) == 0, within_s=5)  # it would count for half a minute
    answers(kernel)


def test_interrupt_while_an_answer_is_drawn(kernel):
    "The interrupt meets llmeng's own code, and not the wait for the next piece."
    url = kernel.value("local.start().url")
    kernel.run(
        "from llmeng.magics.live import Live\ndraw = Live._draw\n"
        "def interrupted(self, note):\n"
        "    draw(self, note)\n"
        "    drawn.append(note)\n"
        "    if len(drawn) == 4:\n"
        "        Live._draw = draw\n"
        "        raise KeyboardInterrupt"
    )
    for cell in (COUNT, COUNT.replace("local/", "--models local/smollm2-135m,local/")):
        kernel.run("Live._draw, drawn = interrupted, []")
        assert kernel.run(cell)["ename"] == "Interrupted"
        wait_for(lambda: n_generating(url) == 0, within_s=5)
    answers(kernel)


DONE = re.compile(r"\b[1-9]\d* of 2,000")


def test_interrupt_of_a_loop(kernel):
    url = kernel.value("local.start().url")
    stop = once(kernel.interrupt, DONE.search)
    reply = kernel.run("%%llm --for n in range(2000) -n 3 --to kept\nTell me about {{ n }}.", on_update=stop)
    assert reply["ename"] == "Interrupted" and is_short(reply)
    done = kernel.value("[item is not None for item in kept]")
    assert len(done) == 2000 and 0 < sum(done) < 2000 and f"{sum(done)} of 2000" in reply["evalue"]
    wait_for(lambda: n_generating(url) == 0, within_s=5)
    answers(kernel)


def test_interrupt_of_a_batch(kernel):
    url = kernel.value("local.start().url")
    stop = once(kernel.interrupt, DONE.search)
    reply = kernel.run(
        "local.batch([f'Tell me about {n}.' for n in range(2000)], max_tokens=3)", on_update=stop
    )
    assert reply["ename"] == "Interrupted" and "sys.last_value.results" in reply["evalue"]
    done = kernel.value("[item is not None for item in __import__('sys').last_value.results]")
    assert len(done) == 2000 and 0 < sum(done) < 2000
    wait_for(lambda: n_generating(url) == 0, within_s=5)
    answers(kernel)


def test_interrupt_while_the_server_loads(kernel):
    kernel.run("local.start(); local.close()")
    request = kernel.send(COUNT)
    child = wait_for(kernel.engine)
    child.suspend()
    kernel.interrupt()
    reply = kernel.finish(request, within_s=10)
    assert reply["ename"] == "Interrupted" and is_short(reply)
    child.resume()
    answers(kernel)
    assert kernel.value("local.start().pid") == child.pid  # what was loading is of use to the next cell
    wait_for(lambda: n_generating(kernel.value("local.start().url")) == 0, within_s=5)


def test_interrupt_while_a_server_elsewhere_is_silent(kernel):
    with StandIn(stream([60.0])) as server:
        request = kernel.send(f"%%llm http://127.0.0.1:{server.port}/v1#x\nHi!")
        wait_for(lambda: server.requests)
        kernel.interrupt()
        reply = kernel.finish(request, within_s=10)
    assert reply["ename"] == "Interrupted" and is_short(reply)


# A server elsewhere


HALF = events(*openai_chunks("one two three four"))[:3]
FAULTS = {
    "the line is cut": (stream([*HALF, CUT]), "ConnectionFailed", "Ask again"),
    "the line is hung up": (HANG_UP, "ConnectionFailed", "Is the server running"),
    "too many requests": (refusal(429, "slow", headers={"retry-after": "3"}), "RateLimited", "3 s"),
    "it fails": (refusal(500, "out of luck"), "ServerFailed", "again"),
    "it fails in the middle": (
        stream([*HALF, *events({"error": {"message": "out of luck"}})]),
        "ServerFailed",
        "out of luck",
    ),
    "a proxy's page": (page(502), "ServerFailed", "again"),
    "garbage": (Reply(200, {"content-type": "text/event-stream"}, [b"data: \x00\xff\xfe\n\n"]), "ServerFailed", "again"),
    "garbage in the middle": (stream([*HALF, b"data: {\x00]\n\n"]), "ServerFailed", "again"),
    "half a JSON": (stream([*HALF, b'data: {"choices": [{"del\n\n']), "ServerFailed", "again"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_elsewhere_fails(kernel, fault):
    reply, name, remedy = FAULTS[fault]
    with StandIn(reply) as server:
        model = f"http://127.0.0.1:{server.port}/v1#x"
        failed = kernel.run(f"%%llm {model} --to answer\nHi!")
        assert failed["ename"] == name, failed
        assert is_short(failed) and remedy in failed["evalue"], failed["evalue"]
        partial = "one two" if reply.pieces[:3] == HALF else ""
        assert kernel.shown().strip() == partial
        server.replies = [openai_stream("All is well.")]
        kernel.run(f"%%llm {model}\nHi!")
    assert kernel.value("_.text") == "All is well."


# The disk is full


@dataclass
class Disk:
    "A folder on a disk that can be full."

    folder: Path
    fill: Callable[[Path], None]  # so that this file can't grow by much
    free: Callable[[], None]


def tiny_disk(folder: Path) -> Disk:
    def fill(path: Path) -> None:
        with pytest.raises(OSError), open(folder / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "llmeng-test", str(folder)],
        check=True,
        capture_output=True,
    )
    return Disk(folder, fill, lambda: (folder / "ballast").unlink(missing_ok=True))


def limited_files(folder: Path, kernel: Kernel) -> Disk:
    def limit(size: int) -> None:
        code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (%d, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
        assert kernel.run(code % size)["status"] == "ok"

    before = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    folder.mkdir()
    return Disk(folder, lambda path: limit(path.stat().st_size + 1000), lambda: limit(before))


@pytest.fixture(params=["a tiny disk", "limited files"])
def disk(request, tmp_path, kernel):
    "Only root may mount a disk, and not everywhere; elsewhere the kernel's files are limited."
    folder, disk = tmp_path / "disk", None
    if request.param == "a tiny disk":
        try:
            disk = tiny_disk(folder)
        except (OSError, subprocess.CalledProcessError):
            folder.rmdir()
    mounted = disk is not None
    disk = disk or limited_files(folder, kernel)
    try:
        yield disk
    finally:
        disk.free()
        kernel.run("%cd -q " + str(tmp_path.parent))
        kernel.run(
            "from llmeng.models.cassette import use_cassette; use_cassette(None)\nimport gc; gc.collect()"
        )
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)


def numbered(begin: str) -> StandIn:
    "A server whose answers are long, and all different."

    def answer(request) -> Reply:
        return openai_stream(
            f"{begin} {len(server.requests)} " + "word " * 1500 * len(server.requests) + "end."
        )

    server = StandIn(answer)
    return server


@pytest.mark.parametrize("mode", ["auto", "record"])
def test_the_disk_of_a_cassette_is_full(kernel, disk, mode):
    path = disk.folder / "answers.jsonl"
    with numbered("Answer") as server:

        def ask(question: str) -> dict:
            return kernel.run(f"%%llm http://127.0.0.1:{server.port}/v1#x\n{question}")

        assert kernel.run(f"%llm cassette auto {path}")["status"] == "ok"
        assert ask("first")["status"] == "ok"
        before = path.read_bytes()
        kernel.run(f"%llm cassette {mode} {path}")
        disk.fill(path)

        # what was paid for is shown, and waits
        assert ask("second" if mode == "auto" else "first")["status"] == "ok"
        assert "not recorded" in kernel.shown() and str(path) in kernel.shown()
        assert "No space left on device" in kernel.shown() or "File too large" in kernel.shown()
        assert kernel.value("_.text").startswith("Answer 2 word")
        assert path.read_bytes() == before
        # nothing more is paid for
        reply = ask("third")
        assert reply["ename"] == "CassetteError" and is_short(reply)
        assert (
            "can't be written" in reply["evalue"] and "wait in memory for the next try: 1" in reply["evalue"]
        )
        assert len(server.requests) == 2
        assert path.read_bytes() == before

        disk.free()
        assert ask("third")["status"] == "ok" and kernel.shown().count("word") < 1510
        recordings = [Recording.from_json(line) for line in path.read_bytes().splitlines()]
        said = [recording.response["text"].partition(" word")[0] for recording in recordings]
        assert said == (["Answer 1", "Answer 2", "Answer 3"] if mode == "auto" else ["Answer 2", "Answer 3"])
        assert sorted(os.listdir(disk.folder)) == ["answers.jsonl"]
        if mode == "auto":
            assert path.read_bytes().startswith(before)
        kernel.run(f"%llm cassette replay {path}")
        ask("third")
        assert kernel.value("_.source") == "cassette" and len(server.requests) == 3


def test_the_disk_of_the_cache_is_full(kernel, disk):
    kernel.run(f"%cd -q {disk.folder}")
    state = disk.folder / ".llmeng" / "llmeng.db"
    with numbered("Answer") as server:

        def ask(question: str) -> str:
            reply = kernel.run(f"%%llm -t 0 http://127.0.0.1:{server.port}/v1#x\n{question}")
            assert reply["status"] == "ok", reply
            warned = kernel.shown()
            text = kernel.value("_.text").partition(" word")[0]
            return f"{text}, {kernel.value('_.source')}" + (", warned" if "CacheWarning" in warned else "")

        assert [ask("first"), ask("first")] == ["Answer 1, live", "Answer 1, cache"]
        disk.fill(state.with_name("llmeng.db-wal"))
        assert ask("second") == "Answer 2, live, warned"
        disk.free()
        assert [ask("second"), ask("second"), ask("first")] == [
            "Answer 3, live",
            "Answer 3, cache",
            "Answer 1, cache",
        ]
    with sqlite3.connect(state) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM completions").fetchone() == (2,)
    connection.close()


# Cassettes


RUBBISH = {
    "half a line": b'{"occurrence": 1, "request": {"mess',
    "binary": bytes(range(256)).replace(b"\n", b""),
    "zeros": bytes(5000),
    "a merge": b"<<<<<<< HEAD",
    "other JSON": b'{"cells": []}',
}


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_a_cassette_full_of_rubbish(kernel, tmp_path, rubbish):
    path = tmp_path / "answers.jsonl"
    with StandIn(openai_stream("All is well.")) as server:
        cell = f"%%llm http://127.0.0.1:{server.port}/v1#x\n"
        kernel.run(f"%llm cassette auto {path}")
        for question in ("first", "second"):
            assert kernel.run(cell + question)["status"] == "ok"
        first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(first + RUBBISH[rubbish] + b"\n" + second)
        before = path.read_bytes()
        for command in ("auto", "replay", "record", "stale", "prune"):
            kernel.run(f"%llm cassette {command}")
            reply = kernel.run(cell + "third")
            assert reply["ename"] == "CassetteError" and is_short(reply), (command, reply)
            assert f"Line 2 of {path}" in reply["evalue"] and "left as it is" in reply["evalue"]
        assert path.read_bytes() == before and len(server.requests) == 2
        path.write_bytes(first + second)
        kernel.run(f"%llm cassette auto {path}")
        assert kernel.run(cell + "third")["status"] == "ok"
        kernel.run(TAKE_OUT)
    assert path.read_bytes().startswith(first + second) and len(path.read_bytes().splitlines()) == 3


def test_two_kernels_record_into_one_cassette(kernel, fresh_kernel, tmp_path):
    "One adds recordings at the end of the file, the other replaces its own, for which the file is written anew."
    path = tmp_path / "shared.jsonl"
    with StandIn(openai_stream("Earlier."), openai_stream("Later.", latency_s=0.005)) as server:
        server.replies[:0] = [server.replies[0]] * 49

        def count(who: str, n: int) -> str:
            address = f"http://127.0.0.1:{server.port}/v1#{who}"
            return f"%%llm {address} --for n in range({n})\nCount {{{{ n }}}}."

        fresh_kernel.run(f"%llm cassette auto {path}")
        assert fresh_kernel.run(count("replacing", 50))["status"] == "ok"
        assert path.read_text().count("Earlier.") == 50
        fresh_kernel.run(f"%llm cassette record {path}")
        kernel.run(f"%llm cassette auto {path}")
        at_once = [(kernel, count("adding", 100)), (fresh_kernel, count("replacing", 50))]
        requests = [each.send(cell) for each, cell in at_once]
        for (each, _), request in zip(at_once, requests, strict=True):
            assert each.finish(request)["status"] == "ok", each.outputs
            assert "CassetteWarning" not in each.shown()
        kernel.run(TAKE_OUT)
    recordings = [Recording.from_json(line) for line in path.read_bytes().splitlines()]
    assert len({(recording.key, recording.occurrence) for recording in recordings}) == len(recordings) == 150
    assert {recording.response["text"] for recording in recordings} == {"Later."}
    assert [name for name in os.listdir(tmp_path) if "shared" in name] == [path.name]


def test_a_notebook_of_a_paid_model_replays_without_key_and_server(kernel, tmp_path):
    cells = [
        "%load_ext llmeng",
        "%%llm openai/gpt-6.1-terra -t 0.5 --to answer\nName a **city**.",
        "print(answer.text)",
        "%%llm openai/gpt-6.1-terra --for n in [1, 2] --to both\nCount {{ n }}.",
        "print([each.text for each in both])",
    ]
    path = tmp_path / "answers.jsonl"
    key = "sk-hunter2-hunter2"
    with StandIn(
        lambda request: openai_stream(f"You said: {request.body['messages'][-1]['content']}")
    ) as server:
        paid = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{server.url}/v1"}
        kernel.run(f"import os; os.environ.update({paid})")
        kernel.run(f"%llm cassette auto {path}")
        recorded, shown = [], []
        for cell in cells:
            assert kernel.run(cell)["status"] == "ok", kernel.outputs
            recorded.append(kernel.outputs)
            shown.append(kernel.shown())
        kernel.run("for name in ('OPENAI_API_KEY', 'OPENAI_BASE_URL'):\n    del os.environ[name]")
        kernel.run(TAKE_OUT)
    assert len(server.requests) == 3
    assert key in server.requests[0].headers["authorization"]
    before = path.read_bytes()
    assert key not in before.decode() + repr(recorded)

    free = {"OPENAI_API_KEY": None, "OPENAI_BASE_URL": None, "LLMENG_CASSETTE": "replay:../answers.jsonl"}
    changed = [cell.replace("0.5", "0.7") for cell in cells]
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(run_papermill, tmp_path / name, *source, environment=free)
            for name, source in (("same", cells), ("changed", changed))
        ]
    (code, replayed, printed), (changed_code, failed, changed_printed) = [run.result() for run in runs]
    assert code == 0, printed
    for n in (2, 4):
        (output,) = replayed.cells[n].outputs
        assert output.text.strip() == shown[n].strip() != ""
    (output,) = replayed.cells[1].outputs
    assert "You said: Name a <strong>city</strong>." in output.data["text/html"]
    assert "replayed" in output.data["text/plain"]

    assert changed_code != 0
    assert "CassetteError" in changed_printed and "temperature is 0.7, recorded with 0.5" in changed_printed
    outputs = [output for cell in failed.cells for output in cell.get("outputs", ())]
    assert [output.ename for output in outputs if output.output_type == "error"] == ["CassetteError"]
    assert path.read_bytes() == before


# Weights that are none


def broken_weights(kind: str) -> bytes:
    if kind == "a web page":
        return b"<!DOCTYPE html><title>Log in</title>"
    whole = weights.get("smollm2-135m")
    with open(whole, "rb") as file:
        if kind == "cut off":
            return file.read(40_000_000)
        if kind == "garbage in front":
            return b"GGUF" + struct.pack("<I", 3) + os.urandom(4096)
        text = bytearray(file.read(5_000_000))
        at = text.index(b"blk.0.")  # behind the header, the list of tensors
        text[at : at + 4000] = bytes(range(250)) * 16
        return bytes(text)


@pytest.mark.parametrize("kind", ["a web page", "cut off", "garbage in front", "garbage inside"])
def test_weights_that_are_damaged(kernel, tmp_path, kind):
    path = tmp_path / "model.gguf"
    path.write_bytes(broken_weights(kind))
    reply = kernel.run(f"%%llm local/{path}\nHi!")
    assert reply["ename"] == "WeightsError" and path.name in reply["evalue"], reply
    assert re.search("can't be read as GGUF: it|is damaged: a part of it", reply["evalue"])
    assert "etch it again" in reply["evalue"] and len(reply["evalue"]) < 1500
    answers(kernel)


# Threads, loops, forks


def test_a_model_of_many_threads_and_loops(kernel):
    kernel.run(
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "def in_a_thread(n):\n    return local(f'Say {n}.', max_tokens=3).usage.output_tokens\n"
        "def in_a_loop(n):\n    return asyncio.run(local.acall(f'Say {n}.', max_tokens=3)).usage.output_tokens\n"
    )
    reply = kernel.run(
        "local.start(); local.close()\n"  # they all want the server to start
        "with ThreadPoolExecutor(8) as pool:\n"
        "    said = list(pool.map(lambda n: (in_a_thread, in_a_loop)[n % 2](n), range(8)))\n"
        "awaited = await asyncio.gather(*[local.acall('Say it.', max_tokens=3) for _ in range(4)])\n"
        "said += [answer.usage.output_tokens for answer in awaited] + [in_a_thread(9)]\n"
    )
    assert reply["status"] == "ok", reply
    said = kernel.value("said")
    assert len(said) == 13 and all(0 < tokens <= 3 for tokens in said)


def test_a_model_after_a_fork(kernel):
    before = kernel.value("local.start().pid")
    reply = kernel.run(
        "import os, select, signal, threading\n"
        "busy = threading.Thread(target=lambda: local.batch(['Tell me a story.'] * 8, max_tokens=16, progress=False))\n"
        "stream = local.stream('Tell me a story.', max_tokens=20)\n"
        "busy.start(); next(stream)\n"  # there is work on the loop that the child does not have
        "reading, writing = os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        answer = local('Hi!', max_tokens=3)\n"
        "        os.write(writing, f'{answer.usage.output_tokens} {local.start().pid}'.encode())\n"
        "    finally:\n"
        "        os._exit(0)\n"
        "os.close(writing)\n"
        "came = os.read(reading, 100).decode() if select.select([reading], [], [], 40)[0] else 'nothing'\n"
        "os.kill(child, signal.SIGKILL); os.waitpid(child, 0)\n"
        "rest = list(stream); busy.join(40)"
    )
    assert reply["status"] == "ok", reply
    tokens, _, pid = kernel.value("came").partition(" ")
    assert tokens.isdigit() and 0 < int(tokens) <= 3, tokens
    assert int(pid) != before == kernel.value("local.start().pid")
    assert not kernel.value("busy.is_alive()") and kernel.value("stream.completion.usage.output_tokens") > 3
    wait_for(lambda: has_ended(int(pid)), within_s=8)  # its server went with it


def test_a_fork_while_a_server_is_being_started(kernel):
    # another thread holds the engine's lock in that moment; nobody in the child would ever let it go
    reply = kernel.run(
        "import os, select, signal\n"
        "engine = local.start()\n"
        "reading, writing = os.pipe()\n"
        "with engine._lock:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        "            engine.start()\n"
        "            os.write(writing, str(engine.pid).encode())\n"
        "        finally:\n"
        "            os._exit(0)\n"
        "os.close(writing)\n"
        "came = os.read(reading, 100).decode() if select.select([reading], [], [], 20)[0] else 'nothing'\n"
        "os.kill(child, signal.SIGKILL); os.waitpid(child, 0)"
    )
    assert reply["status"] == "ok", reply
    came = kernel.value("came")
    assert came.isdigit() and int(came) != kernel.value("engine.pid"), came
    wait_for(lambda: has_ended(int(came)), within_s=8)
