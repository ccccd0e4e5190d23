"What holds for the statistics whatever the data are: symmetry, order, range; with numpy and without it."

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmeng import stats
from llmeng.stats import difference, resample

SCORES = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 3))
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=40)
RIGHT = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
quick = settings(max_examples=40, deadline=None)


@pytest.fixture(params=["numpy", "without numpy"])
def engine(request, monkeypatch):
    if request.param != "numpy":
        for module in (resample, difference):
            monkeypatch.setattr(module, "_numpy", lambda: None)


def turned(estimate: stats.Estimate) -> tuple[float, float, float]:
    return -estimate.value, -estimate.high, -estimate.low


@pytest.mark.usefixtures("engine")
class TestBothWays:
    def test_a_mean_lies_within_its_interval_and_the_values(self):
        @quick
        @given(st.lists(SCORES, min_size=2, max_size=60))
        def holds(values):
            estimate = stats.mean(values, n_resamples=200)
            slack = 1e-9
            if not set(values) <= {0.0, 1.0}:
                assert min(values) - slack <= estimate.low <= estimate.high <= max(values) + slack
            assert estimate.low - slack <= estimate.value <= estimate.high + slack or len(values) < 10

        holds()

    def test_a_comparison_is_the_same_from_both_sides(self):
        @quick
        @given(PAIRS)
        def holds(pairs):
            a, b = zip(*pairs, strict=True)
            there, back = stats.paired(a, b, n_resamples=300), stats.paired(b, a, n_resamples=300)
            assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
            assert there.p_value == pytest.approx(back.p_value, abs=0.08)
            assert turned(there.difference)[0] == pytest.approx(back.difference.value)
            assert 0 < there.p_value <= 1

        holds()

    def test_groups_of_one_are_no_groups(self):
        @quick
        @given(PAIRS)
        def holds(pairs):
            a, b = zip(*pairs, strict=True)
            alone = stats.paired(a, b, range(len(a)), n_resamples=200)
            assert alone == stats.paired(a, b, n_resamples=200)

        holds()

    def test_a_group_repeated_adds_nothing(self):
        @quick
        @given(st.lists(st.tuples(SCORES, SCORES), min_size=3, max_size=10))
        def holds(pairs):
            a, b = zip(*pairs, strict=True)
            once = stats.permutation(a, b, n_resamples=2000)
            often = stats.permutation(a * 3, b * 3, list(range(len(a))) * 3, n_resamples=2000)
            assert once.p_value == pytest.approx(often.p_value) and once.exact and often.exact

        holds()


@quick
@given(RIGHT)
def test_right_or_wrong(pairs):
    a, b = zip(*pairs, strict=True)
    result = stats.paired(a, b)
    assert result.p_value == stats.mcnemar(a, b).p_value == stats.mcnemar(b, a).p_value
    assert -1 <= result.difference.low <= result.difference.value <= result.difference.high <= 1
    assert turned(result.difference) == pytest.approx(
        (
            stats.paired(b, a).difference.value,
            stats.paired(b, a).difference.low,
            stats.paired(b, a).difference.high,
        )
    )


@quick
@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_only_ever_raises_and_keeps_the_order(p_values):
    corrected = stats.holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)


@quick
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=4, max_size=50))
def test_agreement_does_not_care_who_is_who_or_what_labels_are_called(pairs):
    a, b = zip(*pairs, strict=True)
    if len({*a, *b}) < 2:
        return
    there, back = stats.kappa(a, b), stats.kappa(b, a)
    assert (there.value, there.low, there.high) == pytest.approx((back.value, back.low, back.high))
    renamed = [["pqr"["xyz".index(label)] for label in labels] for labels in (a, b)]
    assert stats.kappa(*renamed).value == pytest.approx(there.value)
    alpha = stats.krippendorff([a, b], n_resamples=100)
    assert alpha.value == pytest.approx(stats.krippendorff(renamed, n_resamples=100).value)
    assert alpha.value <= 1 and -1 <= there.low <= there.high <= 1


@quick
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(0, 6))
def test_ratings_turn_with_the_duels(one, two, three, draws):
    duels = [("a", "b", "a")] * one + [("a", "b", "b")] * two + [("b", "c", "b")] * three + [("b", "c", "c")]
    duels += [("a", "c", None)] * draws
    there, back = stats.bradley_terry(duels), stats.bradley_terry([(b, a, w) for a, b, w in duels])
    assert there.gap("a", "b").value == pytest.approx(back.gap("a", "b").value, abs=1e-6)
    assert sum(e.value for e in there.strengths.values()) == pytest.approx(0, abs=1e-6)
    if not draws:
        assert there.gap("a", "b").value == pytest.approx(math.log(one / two), abs=1e-6)


@quick
@given(st.integers(40, 5000), st.floats(0.05, 0.9))
def test_plans_agree_with_each_other(n, baseline):
    smallest = stats.smallest_difference(n, baseline=baseline)
    if math.isfinite(smallest):
        assert stats.samples_needed(smallest, baseline=baseline) <= n


def test_statistics_are_there_without_numpy():
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from llmeng import stats\n"
        "print(stats.mean([0.2, 0.4, 0.9] * 20), stats.paired([1, 0] * 9, [1, 1] * 9, list('abc') * 6).n)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(".50 [") and done.stdout.endswith("18\n")
