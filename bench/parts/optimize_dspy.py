"""One of DSPy's optimisers on one task, in DSPy's own environment.

python bench/parts/optimize_dspy.py JOB.json FOUND.json

The job says which optimiser, where the two counted addresses are (one for the search, one for the held-out answers) and
what the items are. DSPy's chat and JSON adapters put field markers around every value, more format than a small model
can keep; so the adapter here is plain text, and its messages are those that llmeng sends for the same instruction and
examples. Apart from that the optimisers run as they come.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import dspy

THREADS = 1  # one after the other, so that what prompts have in common is read once


class Plain(dspy.Adapter):
    "The instruction as the system message, each field as `Name: value`, and the answer as it comes."

    def format(self, signature: Any, demos: list, inputs: dict) -> list[dict[str, str]]:
        messages = [{"role": "system", "content": signature.instructions}]
        output = next(iter(signature.output_fields))
        for demo in demos:
            if output in demo:
                messages.append({"role": "user", "content": asked(signature, demo)})
                messages.append({"role": "assistant", "content": str(demo[output])})
        return [*messages, {"role": "user", "content": asked(signature, inputs)}]

    def parse(self, signature: Any, completion: str) -> dict[str, str]:
        first, *others = signature.output_fields
        return {first: completion.strip(), **dict.fromkeys(others, "")}


def asked(signature: Any, values: dict) -> str:
    "The fields of a question, and the name of what is asked for."
    lines = [f"{title(name)}: {values[name]}" for name in signature.input_fields if name in values]
    return "\n".join([*lines, f"{title(next(iter(signature.output_fields)))}:"])


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def same(text: Any) -> str:
    "As `exact_match(ignore_case=True, ignore_punctuation=True)` of llmeng compares."
    text = unicodedata.normalize("NFKC", str(text)).casefold()
    kept = (letter for letter in text if unicodedata.category(letter)[0] != "P" and letter not in "$+<=>^`|~")
    return " ".join("".join(kept).split())


def main(job: dict) -> dict:
    logging.disable(logging.WARNING)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    field, answer = job["fields"]

    def model(url: str, **options: Any) -> dspy.LM:
        return dspy.LM(
            "openai/" + job["model"], api_base=url, api_key="none", num_retries=0, timeout=3600, **options
        )

    def exact(example: Any, prediction: Any, trace: Any = None) -> bool:
        return same(example[answer]) == same(getattr(prediction, answer, ""))

    def examples(rows: list) -> list:
        return [dspy.Example({field: text, answer: target}).with_inputs(field) for text, target in rows]

    task = model(job["search"], temperature=0.0, max_tokens=job["max_tokens"], stop=["\n"])
    writer = model(job["search"], temperature=1.0, max_tokens=150)
    dspy.configure(lm=task, adapter=Plain())
    program = dspy.Predict(dspy.Signature(f"{field} -> {answer}", job["instruction"]))
    train, dev = examples(job["train"]), examples(job["dev"])
    common: dict[str, Any] = {"metric": exact, "num_threads": THREADS, "max_errors": 100_000}
    n, calls = len(dev), job["calls"]
    if job["optimiser"] == "random_search":
        # Each candidate costs a pass over dev, and about eight tries to bootstrap its examples.
        found = dspy.BootstrapFewShotWithRandomSearch(
            **common,
            max_labeled_demos=job["n_examples"],
            num_candidate_programs=max(1, (calls - 3 * n) // (n + 8)),
        ).compile(program, trainset=train, valset=dev)
    elif job["optimiser"] == "mipro":
        found = dspy.MIPROv2(
            **common, auto="light", prompt_model=writer, task_model=task, seed=job["seed"] + 1
        ).compile(program, trainset=train, valset=dev)
    elif job["optimiser"] == "copro":
        breadth = max(2, (calls - 12) // (2 * n))
        found = dspy.COPRO(metric=exact, prompt_model=writer, breadth=breadth, depth=2).compile(
            program, trainset=dev, eval_kwargs={"num_threads": THREADS, "max_errors": 100_000}
        )
    else:
        raise ValueError(f"No optimiser {job['optimiser']!r}.")
    held_out = model(job["test_url"], temperature=0.0, max_tokens=job["max_tokens"], stop=["\n"])
    with dspy.context(lm=held_out):
        result = dspy.Evaluate(
            devset=examples(job["test"]), metric=exact, num_threads=THREADS, max_errors=100_000
        )(found)
    predictor = found.predictors()[0]
    return {
        "outputs": [str(getattr(prediction, answer, "")) for _, prediction, _ in result.results],
        "scores": [float(score) for *_, score in result.results],
        "instruction": predictor.signature.instructions,
        "examples": [[str(demo[field]), str(demo[answer])] for demo in predictor.demos if answer in demo],
        "messages": [
            [message["role"], message["content"]]
            for message in Plain().format(predictor.signature, predictor.demos, {field: job["test"][0][0]})
        ],
        "version": re.sub(r"[^\d.].*", "", dspy.__version__),
    }


if __name__ == "__main__":
    said = main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(said), "utf-8")
