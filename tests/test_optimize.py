"A search that is killed outright goes on where it was, and looks at the test samples once."

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

SEARCH = textwrap.dedent(
    """
    import json, re, sys
    from llmeng.models.scripted import Scripted
    from llmeng.optimization import optimize
    from llmeng.prompts import Prompt

    log = open(sys.argv[1], "a")


    def answers(messages, options):
        print(json.dumps([[message.role, message.text] for message in messages]), file=log, flush=True)
        number = int((re.findall(r"\\d+", messages[-1].text) or [0])[-1])
        shown = sum(message.role == "assistant" for message in messages)
        return ("even", "odd")[number % 2] if number % 10 < 3 + 6 * (shown >= 4) else "I do not know"


    rows = [{"input": f"number {n}", "target": ("even", "odd")[n % 2]} for n in range(90)]
    prompt = Prompt("system:\\nOdd or even?\\n\\nuser:\\n{{ text }}", model=Scripted("slow", answers=answers, delay_s=0.004))
    found = optimize(prompt, rows[:20], rows[20:50], "exact_match", budget={"calls": 400}, test=rows[50:], progress=False, concurrency=4)
    print(json.dumps({"words": found.words, "version": found.prompt.version, "calls": found.calls, "asked": found.asked}))
    """
)


def search(folder, log):
    (folder / "search.py").write_text(SEARCH, encoding="utf-8")
    environment = {**os.environ, "LLMENG_STATE": str(folder / log)}
    return subprocess.Popen(
        [sys.executable, str(folder / "search.py"), str(folder / f"{log}.jsonl")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def asked(folder, log):
    path = folder / f"{log}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def test_a_killed_search_goes_on(tmp_path):
    whole = json.loads(search(tmp_path, "whole").communicate(timeout=120)[0])
    running = search(tmp_path, "killed")
    until = time.monotonic() + 60
    while len(asked(tmp_path, "killed")) < 120 and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    running.communicate()
    before = len(asked(tmp_path, "killed"))
    assert 120 <= before < whole["calls"]
    again = json.loads(search(tmp_path, "killed").communicate(timeout=120)[0])
    assert (again["version"], again["words"]) == (whole["version"], whole["words"])
    assert again["asked"] < whole["asked"] - 100
    calls = asked(tmp_path, "killed")
    assert len(calls) <= whole["calls"] + 4  # those that were on their way when it was killed
    tested = Counter(
        number
        for call in calls
        if (number := int(call[-1][1].split()[-1]) if call[-1][1].split()[-1].isdigit() else 0) >= 50
    )
    assert set(tested.values()) == {2} and len(tested) == 40
