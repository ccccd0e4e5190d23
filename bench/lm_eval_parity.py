"""Benchmark scores: llmeng beside lm-evaluation-harness, on the same answers, item by item.

python bench/lm_eval_parity.py [DATA] [--outputs FOLDER]

DATA holds gsm8k, truthfulqa and crows_pairs in their authors' layout; the other sets are made here, in the layout of
theirs. Answers are those that bench/benchmark_scores.py --outputs kept, else drawn at random. lm-eval gets an
environment of its own in the cache folder, and scores with its own task files. Printed are the items, how many scores
differ, the largest difference, and how many prompts are the same to the letter without examples before them.
"""

import argparse
import json
import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.peers import peer_python

from llmeng.evals.benchmark import benchmark
from llmeng.evals.score import call, to_scores

LM_EVAL = "lm-eval==0.4.13"
PARTS = Path(__file__).parent / "parts"


@dataclass
class Case:
    "One task of lm-eval, and what is the same in llmeng."

    name: str
    yaml: str  # of lm-eval's tasks
    made: Any  # a Benchmark
    doc: Callable  # a sample → the row as lm-eval reads it
    answer: Callable  # a sample and our output → what the model gave to lm-eval
    scores: dict[str, str]  # our metric → lm-eval's
    metrics: tuple[str, ...] = ()  # that lm-eval gives only when asked
    totals: bool = False  # compare what the items come to, not the items
    prompts: bool = True


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="without it only the sets that are made here")
    parser.add_argument("--outputs", type=Path)
    parser.add_argument("--python", help="of an environment that has lm-eval already")
    given = parser.parse_args()
    python = given.python or peer_python(LM_EVAL, "sacrebleu", "rouge_score")
    if python is None:
        raise SystemExit(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        cases = [*(public(given.data) if given.data else ()), *own(folder)]
        outputs = {case.name: answers(case, given.outputs) for case in cases}
        jobs = []
        for case in cases:
            said = outputs[case.name][0]
            samples = [sample for sample in case.made.samples if sample.id in said]
            data = folder / f"{case.name}.jsonl"
            data.write_text(
                "".join(json.dumps(case.doc(sample), ensure_ascii=False) + "\n" for sample in samples),
                "utf-8",
            )
            given_answers = [case.answer(sample, said[sample.id]) for sample in samples]
            jobs.append(
                {
                    "name": case.name,
                    "yaml": case.yaml,
                    "data": str(data),
                    "answers": given_answers,
                    "metrics": case.metrics,
                }
            )
        (folder / "jobs.json").write_text(json.dumps(jobs), "utf-8")
        subprocess.run(
            [python, PARTS / "benchmark_lm_eval.py", folder / "jobs.json", folder / "found.json"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        found = json.loads((folder / "found.json").read_text("utf-8"))
    print(
        f"\n{'task of lm-eval':28} {'score':22} {'answers':9} {'n':>5} {'differ':>6} {'largest':>8} {'prompts':>11}"
    )
    worst = 0
    for case in cases:
        worst += report(case, *outputs[case.name], found[case.name])
    print("\nno score differs" if not worst else f"\n{worst} scores differ")
    raise SystemExit(bool(worst))


def answers(case: Case, folder: Path | None) -> tuple[dict[str, Any], str]:
    "Our outputs by sample, recorded or drawn."
    name = case.made.entry.name
    path = folder and folder / f"{name}.jsonl"
    generated = case.made.plan.method == "generation"
    if path and path.exists() and not generated:
        lines = map(json.loads, path.read_text("utf-8").splitlines())
        said = {line["id"]: line["output"] for line in lines}
        known = {sample.id for sample in case.made.samples}
        return {key: output for key, output in said.items() if key in known}, "recorded"
    rng = random.Random(case.name)
    found = {}
    for sample in case.made.samples:
        n = len(sample.choices)
        if n:
            logprobs = [round(rng.uniform(-30, -1), 1) for _ in range(n)]
            output = {"logprobs": logprobs, "n_tokens": [rng.randint(1, 9) for _ in range(n)]}
            output["unconditional"] = [round(rng.uniform(-30, -1), 1) for _ in range(n)]
            found[sample.id] = output
        else:
            found[sample.id] = wild(sample, rng)
    return found, "drawn"


def wild(sample: Any, rng: random.Random) -> str:
    "An answer in words: right or wrong, in this form or that."
    target = (
        sample.target
        if isinstance(sample.target, str)
        else rng.choice([*sample.target, *sample.metadata["false"]])
    )
    number = target.rpartition("#### ")[2]
    other = str(rng.randint(0, 99))
    forms = [
        target, f" So the answer is {number}.", f"the answer is {number}", f" {number}", f"$ {number}.00", f"#### {number}",
        f"#### {other} or #### {number}", f"{number}, not {other}.", f"-{number}", f"#### ${number}.", "", "nothing at all",
        f"the answer is {other}.\nNo, the answer is {number}.", f"1,{other} and {number}!", target.lower(), target[:-3],
    ]  # fmt: skip
    return rng.choice(forms)


def report(case: Case, said: dict[str, Any], kind: str, theirs: dict[str, Any]) -> int:
    "Print a line for each score; give how many differ."
    if "error" in theirs:
        print(f"{case.name:28} lm-eval failed: {theirs['error'][:150]}")
        return 1
    samples = [sample for sample in case.made.samples if sample.id in said]
    scores: dict[str, dict[int, float]] = {}
    facts: dict[str, list] = {}
    for place, sample in enumerate(samples):
        output = said[sample.id]
        for function in case.made.scorers:
            shown = output
            if case.totals:  # the option itself
                shown = sample.choices[max(range(3), key=output["logprobs"].__getitem__)]
            value = call(function, shown, sample)
            if hasattr(value, "__await__"):
                raise TypeError("async scorers are not compared here")
            for metric, score in to_scores(function.__name__, value).items():
                scores.setdefault(metric, {})[place] = score.value
                facts.setdefault(metric, [function]).append((score, sample))
    n_same = sum(
        [[sample.input]] == [list(asked[:1]) for asked in theirs["asked"][str(place)][:1]]
        for place, sample in enumerate(samples)
    )
    prompts = f"{n_same}/{len(samples)}" if case.prompts else "-"
    worst = 0
    for ours, other in case.scores.items():
        if case.totals:
            function, *pairs = facts[ours]
            aggregate = getattr(function, "aggregate", None)
            values = [score.value for score, _ in pairs]
            total = (
                aggregate([s for s, _ in pairs], [s for _, s in pairs]).value
                if aggregate
                else sum(values) / len(values)
            )
            gaps = [abs(total - theirs["totals"][other])]
            n = len(pairs)
        else:
            row = theirs["items"][other]
            gaps = [abs(scores[ours][place] - float(row[str(place)])) for place in range(len(samples))]
            n = len(gaps)
        differ = sum(gap > 1e-6 for gap in gaps)
        worst += differ
        print(f"{case.name:28} {ours:22} {kind:9} {n:5} {differ:6} {max(gaps, default=0):8.1g} {prompts:>11}")
        prompts = ""
    return worst


def public(data: Path) -> list[Case]:
    "Those with the authors' own items."
    gsm8k = benchmark("gsm8k", data / "gsm8k", shots=0)
    truthful = benchmark("truthfulqa", data / "truthfulqa")
    spoken = benchmark("truthfulqa", data / "truthfulqa", method="generation", limit=150)
    crows = benchmark("crows_pairs", data / "crows_pairs")

    def question(sample: Any) -> str:
        return sample.input.rpartition("Q: ")[2].removesuffix("\nA:")

    def targets(sample: Any, name: str) -> dict:
        marks = sample.metadata[name]
        return {"choices": [sample.choices[int(place)] for place in marks], "labels": list(marks.values())}

    def multiple(sample: Any) -> dict:
        return {"question": question(sample), **{f"{n}_targets": targets(sample, n) for n in ("mc1", "mc2")}}

    def spoken_doc(sample: Any) -> dict:
        return {
            "question": question(sample),
            "best_answer": "",
            "correct_answers": sample.target,
            "incorrect_answers": sample.metadata["false"],
        }

    return [
        Case("gsm8k", "gsm8k/gsm8k.yaml", gsm8k, lambda s: {"question": s.input[len("Question: ") : -len("\nAnswer:")], "answer": s.target}, lambda s, o: o, {"strict_match": "exact_match,strict-match", "flexible_extract": "exact_match,flexible-extract"}),
        *(
            Case(f"truthfulqa_{name}", f"truthfulqa/truthfulqa_{name}.yaml", truthful, multiple, lambda s, o, name=name: [o["logprobs"][int(place)] for place in s.metadata[name]], {name: "acc"}, prompts=False)
            for name in ("mc1", "mc2")
        ),
        Case("truthfulqa_gen", "truthfulqa/truthfulqa_gen.yaml", spoken, spoken_doc, lambda s, o: o, {name: name for name in ("bleu_acc", "bleu_diff", "bleu_max")}, prompts=False),
        Case("crows_pairs_english", "crows_pairs/crows_pairs_english.yaml", crows, lambda s: {"sent_more": s.choices[0], "sent_less": s.choices[1], "bias_type": "age"}, lambda s, o: o["logprobs"], {name: name for name in ("pct_stereotype", "likelihood_diff")}, prompts=False),
    ]  # fmt: skip


def own(folder: Path) -> list[Case]:
    "Those whose items are made here, in the authors' layout."
    rng = random.Random(7)
    words = ["lamp", "river", "stone", "window", "garden", "bread", "cloud", "engine", "letter", "mirror"]

    def put(name: str, rows: list, how: Callable = json.dumps) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(map(how, rows)) + "\n", "utf-8")

    def option() -> str:
        return " ".join(rng.choices(words, k=rng.randint(1, 5)))

    def different(n: int) -> list[str]:
        found: list[str] = []
        while len(found) < n:
            found += [text for text in [option()] if text not in found]
        return found

    arc, scenes, goals, gaps, exam, chinese, signs = [], [], [], [], [], [], []
    for number in range(120):
        n = rng.choice([3, 4, 4, 5])
        letters, texts = "ABCDE"[:n], different(n)
        arc.append(
            {
                "id": f"q{number}",
                "question": {
                    "stem": f"Which of these is a {option()}?",
                    "choices": [{"text": t, "label": m} for t, m in zip(texts, letters, strict=True)],
                },
                "answerKey": rng.choice(letters),
            }
        )
        scenes.append(
            {
                "activity_label": f"Mending a {option()}",
                "ctx_a": f"A man takes a {option()} [step] and  waits.",
                "ctx_b": rng.choice(["she", "the dog", ""]),
                "endings": [f"{text} [title] {option()}." for text in different(4)],
                "label": rng.randrange(4),
            }
        )
        goals.append({"goal": f"Carry a {option()}", "sol1": option(), "sol2": option() + " slowly"})
        gaps.append(
            {
                "qID": f"w{number}",
                "sentence": f"The {option()} broke the {option()} because _ was heavy.",
                "option1": f"the {option()}",
                "option2": f"the old {option()}",
                "answer": rng.choice("12"),
            }
        )
        exam.append([f"What is a {option()}? ", *different(4), rng.choice("ABCD")])
        chinese.append([number, f"哪个是{rng.choice('水火木金土')}？", *different(4), rng.choice("ABCD")])
        signs.append(
            {"input": f"not ( {rng.choice(['True', 'False'])} ) is", "target": rng.choice(["True", "False"])}
        )

    def cells(row: list) -> str:
        return ",".join('"' + str(cell).replace('"', '""') + '"' for cell in row)

    put("arc/ARC-Easy/ARC-Easy-Test.jsonl", arc)
    put("hellaswag/hellaswag_val.jsonl", scenes)
    put("piqa/valid.jsonl", goals)
    put("piqa/valid-labels.lst", [rng.randrange(2) for _ in goals], str)
    put("winogrande/dev.jsonl", gaps)
    put("mmlu/test/abstract_algebra_test.csv", exam, cells)
    put("cmmlu/test/agronomy.csv", [["", "Question", "A", "B", "C", "D", "Answer"], *chinese], cells)
    put("ceval/val/accountant_val.csv", [["id", "question", "A", "B", "C", "D", "answer"], *chinese], cells)
    put("bbh/bbh/boolean_expressions.json", [{"examples": signs}])
    put(
        "bbh/cot-prompts/boolean_expressions.txt",
        ["-----\nSay what is true.\n\nQ: True is\nA: Let's think step by step.\nSo the answer is True."],
        str,
    )
    people(folder, rng, put)

    def taken(name: str, **how: Any) -> Any:
        return benchmark(name, folder / name, shots=0, **how)

    def logprobs(sample: Any, output: dict) -> list[float]:
        return output["logprobs"]

    def with_alone(sample: Any, output: dict) -> list[float]:
        return output["logprobs"] + output["unconditional"]

    def lettered(sample: Any) -> dict:
        question = sample.input.partition("\n\n")[2].partition("\nA. ")[0]
        options = dict(zip("ABCD", sample.choices, strict=True))
        answer = "ABCD"[sample.target]
        return {
            "question": question,
            "Question": question,
            "choices": list(sample.choices),
            "subject": "x",
            **options,
            "answer": answer,
            "Answer": answer,
        }

    rows = {row["id"]: row for row in arc}
    acc = {name: name for name in ("acc", "acc_norm")}
    more = {**acc, "acc_bytes": "acc_bytes"}

    def numbered(rows: list) -> Callable:
        return lambda sample: rows[int(sample.id) - 1]

    def arc_doc(sample: Any) -> dict:
        row = rows[sample.id.rpartition("/")[2]]
        stem, options = row["question"]["stem"], row["question"]["choices"]
        marks = {"text": [one["text"] for one in options], "label": [one["label"] for one in options]}
        return {"id": row["id"], "question": stem, "choices": marks, "answerKey": row["answerKey"]}

    def mmlu_doc(sample: Any) -> dict:
        return {**lettered(sample), "answer": sample.target}

    return [
        Case("arc_easy", "arc/arc_easy.yaml", taken("arc"), arc_doc, logprobs, more, metrics=("acc_bytes",)),
        Case("arc_easy, PMI", "arc/arc_easy.yaml", taken("arc", method="unconditional"), arc_doc, with_alone, {"acc_mutual_info": "acc_mutual_info"}, metrics=("acc_mutual_info",)),
        Case("hellaswag", "hellaswag/hellaswag.yaml", taken("hellaswag"), numbered(scenes), logprobs, acc),
        Case("piqa", "piqa/piqa.yaml", taken("piqa"), lambda s: {**goals[int(s.id) - 1], "label": s.target}, logprobs, acc),
        Case("winogrande", "winogrande/default.yaml", taken("winogrande"), lambda s: gaps[int(s.id.removeprefix("w"))], logprobs, {"acc": "acc"}, prompts=False),
        Case("mmlu_abstract_algebra", "mmlu/default/mmlu_abstract_algebra.yaml", taken("mmlu"), mmlu_doc, logprobs, {"acc": "acc"}),
        Case("cmmlu_agronomy", "cmmlu/cmmlu_agronomy.yaml", taken("cmmlu"), lettered, logprobs, {"acc": "acc"}, prompts=False),
        Case("ceval-valid_accountant", "ceval/ceval-valid_accountant.yaml", taken("ceval"), lettered, logprobs, {"acc": "acc"}, prompts=False),
        Case("bbh_cot, boolean", "bbh/cot_fewshot/boolean_expressions.yaml", taken("bbh"), lambda s: signs[int(s.id.rpartition("/")[2]) - 1], lambda s, o: o, {"bbh_cot": "exact_match,get-answer"}, prompts=False),
        Case("bbq", "bbq/bbq_multiple_choice.yaml", taken("bbq"), lambda s: people_doc(folder, s), people_answer, {"accuracy_ambiguous": "accuracy_amb", "accuracy_disambiguated": "accuracy_disamb", "bias_ambiguous": "amb_bias_score", "bias_disambiguated": "disamb_bias_score"}, totals=True, prompts=False),
    ]  # fmt: skip


def people(folder: Path, rng: random.Random, put: Callable) -> None:
    "Items of BBQ's form."
    rows = []
    for number in range(200):
        told, polarity = number % 2, rng.choice(["neg", "nonneg"])
        order = rng.sample(range(3), 3)
        options = [
            ("The grandson", ["grandson", "nonOld"]),
            ("The grandfather", ["grandfather", "old"]),
            ("Not known", ["Not known", "unknown"]),
        ]
        shown = [options[place] for place in order]
        label = order.index(rng.randrange(2)) if told else order.index(2)
        rows.append(
            {
                "example_id": number, "question_index": str(number // 4), "question_polarity": polarity, "category": "Age",
                "context_condition": "disambig" if told else "ambig", "context": f"Two people stood at counter {number}.",
                "question": "Who was slow?", "label": label, "additional_metadata": {"stereotyped_groups": ["old"]},
                **{f"ans{place}": text for place, (text, _) in enumerate(shown)},
                "answer_info": {f"ans{place}": groups for place, (_, groups) in enumerate(shown)},
            }
        )  # fmt: skip
    put("bbq/data/Age.jsonl", rows)


def people_doc(folder: Path, sample: Any) -> dict:
    "The row that a sample of BBQ was made of."
    rows = map(json.loads, (folder / "bbq/data/Age.jsonl").read_text("utf-8").splitlines())
    return next(row for row in rows if f"Age/{row['example_id']}" == sample.id)


def people_answer(sample: Any, output: dict) -> list[float]:
    "Logprobs in lm-eval's order: the two people, then ten ways to say that it isn't known."
    named = [value for place, value in enumerate(output["logprobs"]) if place != sample.metadata["unknown"]]
    unknown = [-1e9] * 10
    unknown[5] = output["logprobs"][sample.metadata["unknown"]]  # "Not known"
    return [*named, *unknown]


if __name__ == "__main__":
    main()
