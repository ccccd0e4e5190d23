"""Scores of a model on standard benchmarks, with their intervals: what the page "Scores of the default model" shows.

python bench/benchmark_scores.py DATA [NAME …] [--model local/smollm2-135m#none] [--out nbs/evals/benchmarks/scores.json]

DATA holds a folder a benchmark (gsm8k, truthfulqa, crows_pairs, …) in its authors' layout. Scores alone are written,
no row of the data; --outputs keeps what the model said, for bench/lm_eval_parity.py.
"""

import argparse
import json
import time
from pathlib import Path

from llmeng.evals.benchmark import benchmark
from llmeng.evals.sample import plain
from llmeng.models.catalog import get_model

LIMITS = {"gsm8k": 200}  # items; all where nothing is said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="a folder with a folder for each benchmark")
    parser.add_argument("names", nargs="*", default=["truthfulqa", "crows_pairs", "gsm8k"], help="benchmarks")
    parser.add_argument("--model", default="local/smollm2-135m#none")
    parser.add_argument("--limit", type=int, help="items of each")
    parser.add_argument("--shots", type=int, help="examples before each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("nbs/evals/benchmarks/scores.json"))
    parser.add_argument("--outputs", type=Path, help="a folder for what the model said")
    given = parser.parse_args()
    if given.data is None:
        print("LEFT OUT: needs the benchmarks' own data. python bench/benchmark_scores.py DATA")
        return
    model = get_model(given.model)
    for name in given.names:
        limit = given.limit or LIMITS.get(name)
        made = benchmark(name, given.data / name, limit=limit, shots=given.shots, seed=given.seed)
        began = time.monotonic()
        run = made(model, concurrency=given.concurrency)
        print(run, f"{time.monotonic() - began:.0f} s", flush=True)
        if given.outputs:
            given.outputs.mkdir(parents=True, exist_ok=True)
            lines = [{"id": r.sample.id, "output": plain(r.output)} for r in run.records if r.error is None]
            place = given.outputs / f"{name}.jsonl"
            place.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
        keep(given.out, [row(given, made, run, metric, score) for metric, score in run.scores.items()])


def row(given: argparse.Namespace, made, run, metric: str, score) -> dict:
    "One line of the table."
    command = f"python bench/benchmark_scores.py DATA {made.entry.name}"
    for flag, value, usual in (
        ("model", given.model, "local/smollm2-135m#none"),
        ("limit", given.limit, None),
        ("shots", given.shots, None),
        ("seed", given.seed, 0),
    ):
        command += f" --{flag} {value}" if value != usual else ""
    return {
        "benchmark": made.name,
        "metric": metric,
        "value": round(score.value, 4),
        "low": round(score.low, 4),
        "high": round(score.high, 4),
        "n": score.n,
        "failed": sum(record.error is not None for record in run.records),
        "model": given.model,
        "better": run.better(metric),
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
    }


def keep(path: Path, rows: list[dict]) -> None:
    "Put rows into the file, in the place of older ones of the same kind."
    kind = ("benchmark", "metric", "model", "command")
    kept = json.loads(path.read_text("utf-8")) if path.exists() else []
    fresh = {tuple(row[name] for name in kind) for row in rows}
    kept = [row for row in kept if tuple(row[name] for name in kind) not in fresh]
    kept = sorted([*kept, *rows], key=lambda row: (row["benchmark"], row["model"], row["command"]))
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
