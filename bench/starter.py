"""What the starter library's patterns score on the local model, written into their records.

    .venv/bin/python bench/starter.py [NAME …] [--model local/smollm2-135m] [--forms 6] [--dry]

Each pattern of llmeng/prompts/starter is asked the samples of nbs/prompts/starter/NAME.jsonl, which were written for it, and
scored by rules, without a judge. The scores go beside the pattern, as records of its version. Those whose answer is a label
are asked once more with contextual calibration, and with --forms in other wordings that mean the same. A pattern takes half
a minute to two minutes on a core with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import llmeng as le
from llmeng.evals import evaluate, exact_match
from llmeng.evals.match import normalize
from llmeng.evals.sensitivity import sensitivity
from llmeng.evals.strip import Strip
from llmeng.prompts.calibrate import calibrate
from llmeng.prompts.library import Library
from llmeng.stats import Estimate, mean

HERE = Path(__file__).parent.parent
PATTERNS = HERE / "llmeng" / "prompts" / "starter"
SAMPLES = HERE / "nbs" / "prompts" / "starter"

same = partial(normalize, ignore_case=True, ignore_punctuation=True)


def data(output: Any) -> Mapping[str, Any]:
    "An output that is an object, or nothing of one."
    try:
        found = json.loads(output) if isinstance(output, str) else output
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def extraction(output: Any, target: Mapping[str, str]) -> dict[str, float]:
    said = data(output)
    right = [same(str(said.get(name, ""))) == same(value) for name, value in target.items()]
    return {"fields": sum(right) / len(right), "whole": float(all(right))}


def summarisation(output: Any, target: Sequence[Sequence[str]], sample: Any) -> dict[str, float]:
    text, source = str(output).casefold(), sample.input["text"]
    kept = [any(word in text for word in words) for words in target]
    return {
        "facts": sum(kept) / len(kept),
        "short": float(0 < len(text.split()) <= 25),
        "numbers": float(set(numbers(text)) <= set(numbers(source))),
    }


def numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in re.findall(r"\d[\d,]*", text)]


def rewriting(output: Any, target: Mapping[str, Sequence[str]], sample: Any) -> dict[str, float]:
    text = str(output).casefold()
    kept = [fact.casefold() in text for fact in target["keep"]]
    blunt = any(words in text for words in target["avoid"]) or same(text) == same(sample.input["text"])
    softer = bool(text.strip()) and not blunt
    return {
        "facts_and_softer": float(all(kept) and softer),
        "facts": float(all(kept)),
        "softer": float(softer),
    }


def question_answering(output: Any, target: str, sample: Any) -> dict[str, float]:
    text, cite = same(str(output)), sample.metadata["cite"]
    cited = re.findall(r"\[(\d+)\]", str(output))
    if not cite:
        return {"refused": float(same(target) in text)}
    right = same(target) in text
    return {"answer_and_citation": float(right and cited == [str(cite)]), "answer": float(right)}


def critique(output: Any, target: str, sample: Any) -> dict[str, float]:
    said = data(output)
    scores = {
        "verdict": float(said.get("verdict") == target),
        f"{target}_called_{target}": float(said.get("verdict") == target),
    }
    if words := sample.metadata.get("problem"):
        scores["names_problem"] = float(
            any(word in str(said.get("problem", "")).casefold() for word in words)
        )
    return scores


def data_generation(output: Any, target: int, sample: Any) -> dict[str, float]:
    lines = [line.strip()[2:].strip() for line in str(output).splitlines() if line.strip().startswith("- ")]
    seeds = {same(seed) for seed in sample.input["seeds"]}
    fresh = {same(line) for line in lines} - seeds - {""}
    return {"new_of_five": min(len(fresh), target) / target, "count": float(len(lines) == target)}


SCORERS: dict[str, Callable] = {
    "classification": exact_match,
    "code-review": critique,
    "critique": critique,
    "data-generation": data_generation,
    "extraction": extraction,
    "question-answering": question_answering,
    "rewriting": rewriting,
    "routing": exact_match,
    "summarisation": summarisation,
}


LABELLED = (
    "classification",
    "routing",
)  # they have probabilities, and take one token: calibrated and varied too


def measured(run: Any) -> dict[str, Estimate]:
    "Each score's mean over the samples that have it; of pairs, with pairs as groups."
    found: dict[str, list[tuple[float, str]]] = {}
    for record in run.records:
        for metric, score in record.scores.items():
            found.setdefault(metric, []).append((score.value, record.sample.group or record.sample.id))
    for record in run.failed:
        print(f"    {record.sample.id}: {record.error}", file=sys.stderr)
    scores = {}
    for metric, pairs in found.items():
        values, groups = zip(*pairs, strict=True)
        scores[metric] = mean(values, groups if len(set(groups)) < len(groups) else None)
    return scores


class Measured:
    "Scores as a library records them."

    def __init__(self, scores: Mapping[str, Estimate], across: Strip | None = None):
        self.scores, self.across = scores, across

    def to_records(self) -> list[dict[str, Any]]:
        rows = []
        for metric, score in self.scores.items():
            row = {name: getattr(score, name) for name in ("n", "value", "low", "high", "confidence")}
            if self.across is not None and metric == "exact_match":
                of = self.across.scores
                row |= {
                    "worst": of[self.across.worst].value,
                    "best": of[self.across.best].value,
                    "n_forms": len(of),
                }
            rows.append({"metric": metric, **row})
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join(SCORERS))
    parser.add_argument("--model", default="local/smollm2-135m")
    parser.add_argument("--library", type=Path, default=PATTERNS)
    parser.add_argument(
        "--forms", type=int, default=0, help="wordings that a pattern with labels is asked in as well"
    )
    parser.add_argument("--dry", action="store_true", help="print, and record nothing")
    parser.add_argument("--show", type=int, default=0, help="print so many answers of each")
    given = parser.parse_args()
    for name in given.names:
        if name not in SCORERS:
            parser.error(f"no pattern {name!r}. There are {', '.join(SCORERS)}.")
    model, library = le.get_model(given.model), Library(given.library)
    how: dict[str, Any] = {"concurrency": 4, "keep": False, "progress": False}
    try:
        for name in given.names or SCORERS:
            prompt, samples, across = library[name].on(model), SAMPLES / f"{name}.jsonl", None
            run = evaluate(prompt, samples, SCORERS[name], **how)
            scores = measured(run)
            if name in LABELLED:
                again = evaluate(calibrate(prompt), samples, SCORERS[name], **how)
                scores |= {f"{metric}_calibrated": score for metric, score in measured(again).items()}
                if given.forms:
                    found = sensitivity(prompt, samples, SCORERS[name], n=given.forms, **how)
                    across = next(iter(found.strips.values()))
                    print(f"    {found!r}")
            shown = ", ".join(f"{metric} {score}" for metric, score in scores.items())
            print(f"{name:20} {shown}", flush=True)
            for record in run.records[: given.show]:
                print(f"    {record.sample.target!r:30} {record.text[:200]!r}")
            if not given.dry:
                library.record(name, Measured(scores, across), model=given.model, dataset=f"{name}.jsonl")
    finally:
        model.close()


if __name__ == "__main__":
    main()
