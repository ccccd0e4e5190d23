"An evaluation that is killed, or given broken data or a full disk, loses nothing and says what happened."

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from llmeng.errors import DataError
from llmeng.evals import to_samples

CONCURRENCY, N_SAMPLES, N_KILLS = 4, 300, 20

MAKE = f"""
import os, sys, time
from llmeng.evals import evaluate

log = os.open("asked.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def app(question):
    os.write(log, (question + "\\n").encode())
    time.sleep(0.01)
    return int(question) % 7


samples = [{{"input": str(number), "target": number % 5}} for number in range({N_SAMPLES})]
print("begun", flush=True)
run = evaluate(app, samples, lambda output, target: output == target, concurrency={CONCURRENCY}, progress=False, name="killed")
print(run.id, len(run), run.score().value, run.status, flush=True)
"""


def start(folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "LLMENG_STATE": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", MAKE], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )


def kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "llmeng.db") as connection:
        return [name for (name,) in connection.execute("SELECT sample FROM eval_records ORDER BY sample")]


def asked(folder: Path) -> list[str]:
    path = folder / "asked.log"
    return path.read_text().split() if path.exists() else []


def test_twenty_kills_lose_and_double_nothing(tmp_path):
    draw = random.Random(20)
    kills = 0
    while True:
        before = set(kept(tmp_path)) if (tmp_path / "llmeng.db").exists() else set()
        n_asked = len(asked(tmp_path))
        process = start(tmp_path)
        assert process.stdout.readline() == "begun\n"
        if kills < N_KILLS:
            time.sleep(draw.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
        said = process.communicate()[0]
        # what was on the disk before was not asked again (sample ids count from 1, questions from 0)
        again = {str(int(question) + 1) for question in asked(tmp_path)[n_asked:]} & before
        assert not again, f"asked again although kept: {sorted(again)}"
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
    assert kills == N_KILLS, f"done after {kills} kills: make N_SAMPLES larger"
    number, n, value, status = said.split()
    assert (number, n, status) == ("1", str(N_SAMPLES), "finished")
    assert float(value) == sum(k % 7 == k % 5 for k in range(N_SAMPLES)) / N_SAMPLES
    assert len(kept(tmp_path)) == N_SAMPLES
    counts = Counter(asked(tmp_path))
    assert len(counts) == N_SAMPLES
    # asked twice can only be what was on its way when a kill came
    assert sum(counts.values()) - N_SAMPLES <= kills * CONCURRENCY


def test_the_record_of_a_killed_run_can_be_read_and_compared(tmp_path):
    process = start(tmp_path)
    process.stdout.readline()
    while len(asked(tmp_path)) < 40:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    read = subprocess.run(
        [
            sys.executable,
            "-c",
            "from llmeng.evals import Run; r = Run.load('killed'); print(len(r), r.status, len(r.missing))",
        ],
        cwd=tmp_path,
        env={**os.environ, "LLMENG_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    n, status, missing = read.stdout.split()
    assert int(n) >= 40 - CONCURRENCY and int(n) + int(missing) == N_SAMPLES
    assert status == "running"  # nobody could write that it ended


def test_two_processes_do_not_make_the_same_run(tmp_path):
    first = start(tmp_path)
    first.stdout.readline()
    while not asked(tmp_path):
        time.sleep(0.005)
    second = subprocess.run(
        [sys.executable, "-c", MAKE],
        cwd=tmp_path,
        env={**os.environ, "LLMENG_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    first.kill()
    first.communicate()
    assert second.returncode != 0
    assert f"is being made by process {first.pid}" in second.stderr


def test_a_disk_that_takes_nothing_more_is_said(tmp_path):
    # a file that may not grow stands for a full disk
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{MAKE}"
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LLMENG_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert made.returncode != 0
    assert "The state file" in made.stderr and "does not work" in made.stderr


def test_a_line_of_fifty_megabytes_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "huge.jsonl"
    with path.open("w") as file:
        file.write('{"input": "a", "target": "b"}\n{"input": "')
        for _ in range(50):
            file.write("x" * 1_000_000)
        file.write('", "target": "b"}\n')
    tracemalloc.start()
    with pytest.raises(
        DataError, match=r"huge\.jsonl, line 2 is longer than 8 MB \(the file has 50 MB\).*max_line_mb"
    ):
        to_samples(path)
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()
    assert len(to_samples(path, max_line_mb=60)) == 2
