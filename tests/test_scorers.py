"""Scorers in a run: by name, with a model's probabilities, kept and read again, compared, in company of `evaluate`."""

import math
from functools import partial

import pytest

from llmeng.errors import BatchFailed
from llmeng.evals import (
    Run,
    Sample,
    calibration_error,
    classification,
    compare,
    confusion,
    evaluate,
    exact_match,
    numeric,
    pass_at_k,
    pass_hat_k,
    reliability,
    schema_valid,
    usage,
)
from llmeng.evals.score import NAMED, to_scorers
from llmeng.models.scripted import Scripted

TEXTS = [
    "the cat sat on the mat",
    "it rains a lot in here",
    "he reads a book",
    "我很喜欢猫和狗",
    "two and two is 4",
    "so it is 7",
]
SAMPLES = [Sample(text, text, id=str(n)) for n, text in enumerate(TEXTS)]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    "A project folder of its own, so that no run is kept in this one."
    monkeypatch.chdir(tmp_path)


def echo(text):
    return text


def worse(text):
    return text.replace("a ", "one ").replace("the", "that").replace("很", "")


def test_every_name_is_a_scorer():
    for name in NAMED:
        assert list(to_scorers(name)) == [name]


def test_texts_by_name(tmp_path):
    names = [
        "exact_match",
        "includes",
        "token_f1",
        "bleu",
        "chrf",
        "rouge_1",
        "rouge_2",
        "rouge_l",
        "json_valid",
    ]
    right, wrong = evaluate(echo, SAMPLES, names), evaluate(worse, SAMPLES, names)
    assert not right.failed and not wrong.failed
    for name in names[:-1]:
        assert right.score(name).value == pytest.approx(1) or name == "rouge_2"
        assert wrong.score(name).value < 1, name
        assert "better" in repr(compare(wrong, right, name)) or "no difference" in repr(
            compare(wrong, right, name)
        )
    assert right.score("json_valid").value == 0
    right.save(tmp_path / "run.jsonl")
    again = Run.load(tmp_path / "run.jsonl")
    for name in names:
        assert again.score(name).value == pytest.approx(right.score(name).value)


def test_options_and_numbers():
    samples = [Sample("2+2?", "4", id="a"), Sample("half?", "1/2", id="b")]
    loose = partial(exact_match, ignore_case=True)
    run = evaluate(
        lambda text: "The answer is 4." if "2" in text else "It is 50%.", samples, [numeric, loose]
    )
    assert run.score("numeric").value == 1 and run.score("exact_match").value == 0
    assert run.records[1].scores["numeric"].explanation == "50%, the only number as a share"


def model(sure):
    "Answers yes, as sure as it is told, whatever it is asked."
    chosen = Scripted(probabilities={"yes": sure, "no": 1 - sure}, cost_usd=0.001)
    return lambda text: chosen(text, labels=["yes", "no"])


def test_probabilities(tmp_path):
    samples = [Sample(f"question {n}", "yes" if n % 4 else "no", id=str(n)) for n in range(80)]
    mass = calibration_error(bins="mass", n_bins=4)
    run = evaluate(
        model(0.9), samples, ["ece", "brier", "log_loss", mass, classification(["yes", "no"]), "cost"]
    )
    assert not run.failed, run.failed[0].error
    assert run.score("ece").value == pytest.approx(0.15) == run.score("ece_mass_4").value
    assert run.score("ece").low < 0.15 < run.score("ece").high
    assert run.score("brier").value == pytest.approx(0.75 * 0.01 + 0.25 * 0.81)
    assert run.better("ece") == run.better("brier") == "lower"
    assert run.score("classification").value == pytest.approx((2 * 60 / 140) / 2)  # of "no" it finds none
    assert reliability(run).accuracy.value == 0.75 and len(reliability(run).bins) == 1
    assert confusion(run).counts == {("yes", "yes"): 60, ("no", "yes"): 20}
    assert usage(run).total_usd == pytest.approx(0.08) == run.score("cost").value * 80
    run.save(tmp_path / "run.jsonl")
    again = Run.load(tmp_path / "run.jsonl")
    for name in run.metrics:
        assert again.score(name).value == pytest.approx(run.score(name).value), name
    assert reliability(again).ece.value == pytest.approx(0.15)


def test_no_probabilities_is_an_error_with_a_remedy():
    with pytest.raises(BatchFailed, match=r"needs the labels' probabilities.*labels=\["):
        evaluate(echo, SAMPLES[:2], ["exact_match", "brier"])


def test_repeats():
    calls = iter(range(1000))
    samples = [Sample(f"q{n}", "x", id=str(n), group=str(n // 2)) for n in range(10)]
    run = evaluate(
        lambda text: "x" if next(calls) % 3 else "y", samples, "exact_match", repeats=4, concurrency=1
    )
    one, every = pass_at_k(run, k=2), pass_hat_k(run, k=2)
    assert one.n == every.n == 10 and one.n_groups == 5
    assert 0 < every.value < run.score().value < one.value <= 1


def test_shape_and_time():
    run = evaluate(
        Scripted(answers='```json\n{"n": 1}\n```'),
        SAMPLES,
        [schema_valid({"type": "object", "required": ["n"]}), "latency", "output_tokens"],
    )
    assert run.score("schema_valid").value == 1
    assert math.isfinite(run.score("latency").value) and run.score("latency_p95").high == math.inf
    assert usage(run).seconds and usage(run).tokens["output"].value > 0


def test_meaning():
    run = evaluate(lambda text: text.upper(), SAMPLES[:3], "semantic_similarity")
    assert run.score().value > 0.95  # the model knows no case
