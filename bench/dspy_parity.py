"""Prompt optimisation: `llmeng.optimization.optimize` beside DSPy's optimisers, held out, at the same number of calls.

    .venv/bin/python bench/dspy_parity.py SST2 [--seeds 5] [--calls 300] [--results FILE]

SST2 is a folder with a dev.tsv (sentence, label). Three tasks (that one, topics of headlines, orders out of messages), the
same local model, the same train, dev and test items, the same first instruction, the same plain messages, greedy answers
of the same length, the same scorer, and a hard cap on the calls of a search, counted where they reach the model. Test items
are asked once, after the search. DSPy gets an environment of its own in the cache folder. Its optimisers run as their
authors set them, as many candidates as the calls allow; on each task the one that does best on the test items over all
seeds counts as the peer, a choice in its favour. What is done is kept in FILE, line by line, and not done again: the same
command goes on where it was stopped, and --report only prints.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from parts.counted import Door, counted
from parts.peers import peer_python

from llmeng.core.completion import Delta
from llmeng.core.message import Message
from llmeng.core.model import Model
from llmeng.core.options import Options
from llmeng.errors import ModelError
from llmeng.evals.match import exact_match
from llmeng.stats import mean, paired

HERE = Path(__file__).parent
DSPY = ("dspy==3.4.1", "optuna==5.0.0")
PEERS = ("random_search", "mipro", "copro")  # DSPy's
OURS = ("start", "llmeng", "llmeng_labels")  # the prompt as it is; found in text; label probabilities too
N_TRAIN, N_DEV, N_TEST = 24, 24, 100
N_EXAMPLES = 8  # in a prompt, at most
equal = partial(exact_match, ignore_case=True, ignore_punctuation=True)


@dataclass(frozen=True)
class Task:
    "Texts with their answers, and the instruction that everybody begins with."

    name: str
    fields: tuple[str, str]  # what is given and what is asked, as both are named in the prompt
    instruction: str
    rows: Sequence[tuple[str, str]]
    max_tokens: int
    labels: tuple[str, ...] = ()

    def split(self, seed: int) -> tuple[list, list, list]:
        "Train, dev and test of a seed, each with as many of every label."
        rows = list(self.rows)
        random.Random(f"{self.name} {seed}").shuffle(rows)
        by_label = [[row for row in rows if row[1] == label] for label in self.labels] or [rows]
        parts, begin = [], 0
        for size in (N_TRAIN, N_DEV, N_TEST):
            end = begin + size // len(by_label)
            part = [row for of_label in by_label for row in of_label[begin:end]]
            random.Random(seed).shuffle(part)
            parts, begin = [*parts, part], end
        return tuple(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sst2", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="that a search may make")
    parser.add_argument("--results", type=Path, default=Path("dspy_parity.jsonl"))
    parser.add_argument("--only", nargs="+", choices=(*PEERS, *OURS), default=(*PEERS, *OURS))
    parser.add_argument("--report", action="store_true", help="print what the results say, and run nothing")
    given = parser.parse_args()
    tasks = [sentiment(given.sst2), topics(), orders()]
    if not given.report:
        run(tasks, given)
    report(tasks, read(given.results), given.calls)


def run(tasks: list[Task], given: argparse.Namespace) -> None:
    "Everything that is not in the results yet, seed by seed, so that a stopped run is a smaller one."
    from llmeng.models.local import Local

    done = {(row["task"], row["seed"], row["who"]) for row in read(given.results)}
    todo = [
        (task, seed, who)
        for seed in range(given.seeds)
        for task in tasks
        for who in given.only
        if (task.name, seed, who) not in done and (who != "llmeng_labels" or task.labels)
    ]
    python = peer_python(*DSPY) if any(who in PEERS for *_, who in todo) else None
    model = Local("smollm2-135m", n_parallel=4)
    try:
        with counted(model.start().url) as door:
            for task, seed, who in todo:
                if who in PEERS and python is None:
                    continue
                began = time.perf_counter()
                found = (
                    dspy(python, door, task, seed, who, given.calls)
                    if who in PEERS
                    else ours(model, task, seed, who, given.calls)
                )
                row = {"task": task.name, "seed": seed, "who": who, "limit": given.calls}
                row |= {"wall_s": round(time.perf_counter() - began, 1), **found}
                with given.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(
                    f"{task.name:10} seed {seed} {who:14} {sum(found['scores']) / N_TEST:.2f} "
                    f"{found['calls']:4} calls {row['wall_s']:6.0f} s",
                    flush=True,
                )
    finally:
        model.close()


def dspy(python: str, door: Door, task: Task, seed: int, who: str, calls: int) -> dict[str, Any]:
    "One of DSPy's optimisers, in its own process, through the counted door."
    train, dev, test = task.split(seed)
    search, held_out = f"search-{time.monotonic_ns()}", f"test-{time.monotonic_ns()}"
    door.limits[search] = calls
    job = {
        "optimiser": who, "model": "smollm2-135m", "search": door.address(search), "test_url": door.address(held_out),
        "fields": task.fields, "instruction": task.instruction, "max_tokens": task.max_tokens, "calls": calls, "seed": seed,
        "n_examples": N_EXAMPLES, "train": train, "dev": dev, "test": test,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        said, found = Path(folder, "job.json"), Path(folder, "found.json")
        said.write_text(json.dumps(job), "utf-8")
        ran = subprocess.run(
            [python, str(HERE / "parts" / "optimize_dspy.py"), said, found], capture_output=True, text=True
        )
        if ran.returncode:
            raise SystemExit(f"{who} failed on {task.name}:\n{ran.stderr[-3000:]}")
        row = json.loads(found.read_text("utf-8"))
    scores = scored(row["outputs"], test)
    if scores != row.pop("scores"):
        raise SystemExit(f"{who} on {task.name}: its metric and exact_match do not agree.")
    prompt = prompt_of(task).with_instruction(row["instruction"]).replace(examples=row["examples"])
    sent = [[message.role, message.text] for message in prompt.messages({task.fields[0]: test[0][0]})]
    if sent != row.pop("messages"):
        raise SystemExit(
            f"{who} on {task.name}: the messages are not those that llmeng sends for the same prompt."
        )
    return {"scores": scores, "calls": door.counts[search], "refused": door.refused[search], **row}


def prompt_of(task: Task) -> Any:
    "What everybody begins with."
    from llmeng.prompts import Prompt

    given, asked = (name.replace("_", " ").capitalize() for name in task.fields)
    return Prompt(
        f"system:\n{task.instruction}\nuser:\n{given}: {{{{ {task.fields[0]} }}}}\n{asked}:",
        options={"temperature": 0.0, "max_tokens": task.max_tokens, "stop": ["\n"]},
        name=task.name,
    )


class Counted(Model):
    "A model that answers so many calls, and then no more."

    def __init__(self, model: Model, limit: int):
        self.model, self.limit, self.calls = model, limit, 0
        self.name = model.name

    def __getattr__(self, name: str) -> Any:  # what else the model can do: tokens, for one
        return getattr(self.__dict__["model"], name)

    async def _stream(self, messages: Sequence[Message], options: Options) -> AsyncIterator[Delta]:
        if self.calls >= self.limit:
            raise ModelError(f"The {self.limit} calls are spent.")
        self.calls += 1
        async for delta in self.model._stream(messages, options):
            yield delta


def ours(model: Model, task: Task, seed: int, who: str, calls: int) -> dict[str, Any]:
    "The prompt as it is, or the one that `optimize` finds."
    train, dev, test = task.split(seed)
    field, prompt = task.fields[0], prompt_of(task)
    search = Counted(model, calls)
    found = {}
    if who != "start":
        from llmeng.optimization import optimize

        rows = [
            [{"input": {field: text}, "target": target} for text, target in part] for part in (train, dev)
        ]
        result = optimize(
            prompt, *rows, equal, budget={"calls": calls}, model=search, most_examples=N_EXAMPLES,
            labels="auto" if who == "llmeng_labels" else None, concurrency=4, seed=seed, keep=False, progress=False,
        )  # fmt: skip
        prompt = result.prompt
        found = {"instruction": prompt.instruction, "examples": len(prompt.examples), "report": repr(result)}
    answers = prompt.on(model).batch([{field: text} for text, _ in test], concurrency=2, progress=False)
    outputs = [str(said) for said in answers]
    return {"outputs": outputs, "scores": scored(outputs, test), "calls": search.calls, **found}


def scored(outputs: Sequence[str], test: Sequence[tuple[str, str]]) -> list[float]:
    return [equal(output, target).value for output, (_, target) in zip(outputs, test, strict=True)]


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def report(tasks: list[Task], rows: list[dict], calls: int) -> None:
    "Held-out scores, and the difference with an interval over seeds."
    table: dict[str, dict[str, dict[int, dict]]] = {}
    for row in rows:
        if row["limit"] == calls:
            table.setdefault(row["task"], {}).setdefault(row["who"], {})[row["seed"]] = row
    if not table:
        return print("Nothing was run yet.")
    print(
        f"\nHeld-out exact match, at most {calls} calls a search; intervals over seeds, over items where there is one"
    )
    both: list[tuple[float, float, str]] = []
    for task in tasks:
        of = table.get(task.name, {})
        print(f"\n{task.name}")
        for who, by_seed in of.items():
            values, groups = flat(by_seed, sorted(by_seed))
            spent = [row["calls"] for row in by_seed.values()]
            each = " ".join(f"{sum(by_seed[seed]['scores']) / N_TEST:.2f}" for seed in sorted(by_seed))
            print(
                f"  {who:14} {mean(values, groups)!s:28} calls {min(spent)} to {max(spent)}   by seed {each}"
            )
        compared = [set(by_seed) for who, by_seed in of.items() if who in PEERS or who == "llmeng"]
        seeds = set.intersection(*compared) if "llmeng" in of and len(compared) > 1 else set()
        if not seeds:
            continue
        seeds_in_order = sorted(seeds)
        peers = [who for who in of if who in PEERS]
        peer = max(peers, key=lambda who: sum(flat(of[who], seeds_in_order)[0]))
        for who in ("llmeng", "llmeng_labels"):
            if who in of and seeds <= set(of[who]):
                (a, groups), (b, _) = flat(of[peer], seeds_in_order), flat(of[who], seeds_in_order)
                print(f"  {who} − {peer}, {len(seeds)} seeds: {paired(a, b, groups)!r}")
                if who == "llmeng":
                    both += zip(a, b, cells_of(task, seeds_in_order), strict=True)
    if both:
        a, b, cells = zip(*both, strict=True)
        print(
            f"\nall tasks, {len(set(cells))} cells of task and seed: {paired(a, b, cells if len(set(cells)) > 1 else None)!r}"
        )


def cells_of(task: Task, seeds: list[int]) -> list[str]:
    return [f"{task.name} {seed}" for seed in seeds for _ in range(N_TEST)]


def flat(by_seed: dict[int, dict], seeds: list[int]) -> tuple[list[float], list[int] | None]:
    "The score of each item, and its seed where there are several."
    pairs = [(score, seed) for seed in seeds for score in by_seed[seed]["scores"]]
    several = len(set(seeds)) > 1  # one seed has no seeds to take an interval over: items, then
    return [score for score, _ in pairs], [seed for _, seed in pairs] if several else None


def sentiment(folder: Path) -> Task:
    "Phrases of film reviews, of eight words and more."
    lines = (folder / "dev.tsv").read_text("utf-8").splitlines()[1:]
    pairs = (line.rsplit("\t", 1) for line in lines)
    rows = {
        text.strip(): ("negative", "positive")[int(label)] for text, label in pairs if text.count(" ") > 7
    }
    return Task(
        "sentiment", ("review", "sentiment"), "Is the film review positive or negative? Answer with one word.",
        list(rows.items()), 6, ("negative", "positive"),
    )  # fmt: skip


def topics() -> Task:
    "Headlines that were written for this project."
    files = (HERE / "parts" / "headlines.jsonl", HERE.parent / "nbs" / "lessons" / "news.jsonl")
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return Task(
        "topics", ("headline", "topic"),
        "Is the headline about business, science, sport or weather? Answer with one word.",
        [(row["text"], row["topic"]) for row in rows], 6, ("business", "science", "sport", "weather"),
    )  # fmt: skip


def orders() -> Task:
    "How many of what, out of a message: made here, by seed."
    rng = random.Random(11)
    words = {
        "who": "Anna Ben Carla David Elif Fatima George Hana Ivan Julia Kenji Lena Marco Nadia Omar Petra Rosa Samir",
        "unit": "boxes crates bags rolls pallets tins",
        "goods": "tea rope soap paint flour nails candles blankets batteries paper honey lamps seeds bricks ink gloves",
        "town": "Harlow Bergen Cadiz Lille Porto Turku Graz Delft Oban Split",
        "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    }
    forms = (
        "{who} asked for {n} {unit} of {goods}, to reach {town} by {day}.",
        "Please send {n} {unit} of {goods} to {town}; {who} will sign for them on {day}.",
        "{day}: {who} in {town} has ordered {n} {unit} of {goods}.",
        "We still owe {who} {n} {unit} of {goods}, promised to the shop in {town} for {day}.",
        "The shop in {town} wants {n} {unit} of {goods} before {day}, says {who}.",
    )
    rows = {}
    while len(rows) < 300:
        drawn: dict[str, Any] = {name: rng.choice(text.split()) for name, text in words.items()}
        drawn["n"] = rng.randint(2, 99)
        rows[rng.choice(forms).format(**drawn)] = f"{drawn['n']} {drawn['goods']}"
    return Task(
        "orders", ("message", "order"), "What was ordered? Answer with the number and the goods.",
        list(rows.items()), 12,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
