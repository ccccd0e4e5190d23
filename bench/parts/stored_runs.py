"Open two stored runs of 10,000 samples, filter and compare them; prints the seconds of each step."

import json
import os
import tempfile
import time

os.environ["LLMENG_STATE"] = tempfile.mkdtemp()

from llmeng.evals import Run, compare
from llmeng.evals.record import Record
from llmeng.evals.sample import Sample
from llmeng.evals.score import Score
from llmeng.evals.store import Store

N = 10_000
samples = [
    Sample(f"What is {n} + {n}?", str(2 * n), str(n), metadata={"topic": f"t{n % 7}"}) for n in range(N)
]
store = Store()
for name, every in (("a", 3), ("b", 4)):
    entry = store.begin(name, "app", name * 64, samples, {"repeats": 1})
    with store._transaction() as connection:
        rows = (
            (
                entry.id,
                s.id,
                0,
                0,
                json.dumps(
                    Record(
                        s,
                        output="It is 12.",
                        scores={"numeric": Score(float(n % every > 0), answer=12)},
                        latency_s=0.5,
                    ).to_dict()
                ),
            )
            for n, s in enumerate(samples)
        )
        connection.executemany("INSERT INTO eval_records VALUES (?, ?, ?, ?, ?)", rows)
    store.end(entry.id, "finished", {"repeats": 1})

took = {}
began = time.perf_counter()
a, b = Run.load("a"), Run.load("b")
assert len(a) == len(b) == N
took["open"] = time.perf_counter() - began
began = time.perf_counter()
part = a.where(topic="t3").wrong("numeric").search("What is 1")
took["filter"] = time.perf_counter() - began
began = time.perf_counter()
frame = a.samples
frame[frame["topic"] == "t3"]
took["frame"] = time.perf_counter() - began
began = time.perf_counter()
comparison = compare(a, b)
comparison.by("topic"), comparison._repr_html_()
took["compare"] = time.perf_counter() - began
print(json.dumps(took))
