"Evaluation and model choice: is it better, or lucky?"

import sys
from importlib import import_module
from types import ModuleType

# Each name is loaded when it is first used: importing llmeng.evals costs nothing.
_NAMES = {
    "AB": "llmeng.evals.ab",
    "ab": "llmeng.evals.ab",
    "Agreement": "llmeng.evals.agreement",
    "agreement": "llmeng.evals.agreement",
    "ambiguity": "llmeng.evals.bias",
    "Attack": "llmeng.evals.attack",
    "attacks": "llmeng.evals.attack",
    "bbq_scorers": "llmeng.evals.bias",
    "Benchmark": "llmeng.evals.benchmark",
    "benchmark": "llmeng.evals.benchmark",
    "benchmarks": "llmeng.evals.benchmark",
    "bleu": "llmeng.evals.overlap",
    "brier": "llmeng.evals.calibration",
    "Budget": "llmeng.evals.budget",
    "by_group": "llmeng.evals.groups",
    "calibration_error": "llmeng.evals.calibration",
    "canaries": "llmeng.evals.canary",
    "card": "llmeng.evals.card",
    "Card": "llmeng.evals.cards",
    "Cards": "llmeng.evals.cards",
    "chrf": "llmeng.evals.overlap",
    "classification": "llmeng.evals.classify",
    "compare": "llmeng.evals.compare",
    "compare_defences": "llmeng.evals.hardening",
    "Confusion": "llmeng.evals.classify",
    "confusion": "llmeng.evals.classify",
    "Consistency": "llmeng.evals.consistency",
    "consistency": "llmeng.evals.consistency",
    "Counterfactual": "llmeng.evals.counterfactual",
    "counterfactual_samples": "llmeng.evals.counterfactual",
    "counterfactuals": "llmeng.evals.counterfactual",
    "decide": "llmeng.evals.decide",
    "Decision": "llmeng.evals.decide",
    "Defence": "llmeng.evals.defence",
    "Dialogue": "llmeng.evals.dialogue",
    "dialogue_app": "llmeng.evals.scenario",
    "dialogues": "llmeng.evals.dialogue",
    "disagreements": "llmeng.evals.agreement",
    "ece": "llmeng.evals.calibration",
    "evaluate": "llmeng.evals.evaluate",
    "exact_match": "llmeng.evals.match",
    "exposure": "llmeng.evals.canary",
    "extraction": "llmeng.evals.canary",
    "forgotten": "llmeng.evals.scenario",
    "from_hf": "llmeng.evals.hf",
    "Gain": "llmeng.evals.gain",
    "gain": "llmeng.evals.gain",
    "gain_of": "llmeng.evals.gain",
    "Gaps": "llmeng.evals.gap",
    "gate": "llmeng.evals.gate",
    "Goal": "llmeng.evals.attack",
    "goal_reached": "llmeng.evals.scenario",
    "includes": "llmeng.evals.match",
    "invented": "llmeng.evals.scenario",
    "json_valid": "llmeng.evals.structure",
    "judge": "llmeng.evals.judge",
    "judge_bias": "llmeng.evals.judge_bias",
    "Label": "llmeng.evals.label",
    "label_tasks": "llmeng.evals.labels",
    "Labels": "llmeng.evals.labels",
    "leakage": "llmeng.evals.leakage",
    "Lettered": "llmeng.evals.option",
    "likelihood_gaps": "llmeng.evals.gap",
    "log_loss": "llmeng.evals.calibration",
    "measure_resources": "llmeng.evals.resources",
    "multiple_choice": "llmeng.evals.choice",
    "numeric": "llmeng.evals.numeric",
    "orders": "llmeng.evals.option",
    "PairJudge": "llmeng.evals.pairwise",
    "pairwise": "llmeng.evals.pairwise",
    "pass_at_k": "llmeng.evals.pass_at_k",
    "pass_curves": "llmeng.evals.pass_at_k",
    "pass_hat_k": "llmeng.evals.pass_at_k",
    "pass_rate": "llmeng.evals.pass_rate",
    "percentile": "llmeng.evals.usage",
    "Perturbation": "llmeng.evals.perturbation",
    "PERTURBATIONS": "llmeng.evals.perturbation",
    "pii": "llmeng.evals.pii",
    "plan_ab": "llmeng.evals.ab_plan",
    "play": "llmeng.evals.dialogue",
    "PlayedUser": "llmeng.evals.user",
    "plot_weight": "llmeng.evals.decide",
    "position_bias": "llmeng.evals.option",
    "Preferences": "llmeng.evals.blind",
    "preferences": "llmeng.evals.blind",
    "preview": "llmeng.evals.preview",
    "probability": "llmeng.evals.gap",
    "probe": "llmeng.evals.probe",
    "PROBES": "llmeng.evals.probe",
    "Quote": "llmeng.evals.cards",
    "radar": "llmeng.evals.radar",
    "reads": "llmeng.evals.scenario",
    "Record": "llmeng.evals.record",
    "red_team": "llmeng.evals.redteam",
    "redact": "llmeng.evals.pii",
    "RedTeam": "llmeng.evals.redteam",
    "refusal": "llmeng.evals.refusals",
    "Refusals": "llmeng.evals.refusals",
    "refusals": "llmeng.evals.refusals",
    "regard": "llmeng.evals.regard",
    "regex": "llmeng.evals.match",
    "reliability": "llmeng.evals.calibration",
    "repeated_questions": "llmeng.evals.scenario",
    "repeats": "llmeng.evals.variant",
    "Replies": "llmeng.evals.user",
    "Resources": "llmeng.evals.resources",
    "reveal": "llmeng.evals.attack",
    "right_option": "llmeng.evals.option",
    "Robustness": "llmeng.evals.robustness",
    "robustness": "llmeng.evals.robustness",
    "rouge_1": "llmeng.evals.overlap",
    "rouge_2": "llmeng.evals.overlap",
    "rouge_l": "llmeng.evals.overlap",
    "rubric": "llmeng.evals.rubric",
    "Run": "llmeng.evals.run",
    "run_python": "llmeng.evals.sandbox",
    "runs": "llmeng.evals.evaluate",
    "Sample": "llmeng.evals.sample",
    "say": "llmeng.evals.attack",
    "scenarios": "llmeng.evals.scenario",
    "schema_valid": "llmeng.evals.structure",
    "Score": "llmeng.evals.score",
    "scorer": "llmeng.evals.score",
    "Script": "llmeng.evals.user",
    "Sensitivity": "llmeng.evals.sensitivity",
    "sensitivity": "llmeng.evals.sensitivity",
    "similarity": "llmeng.evals.similarity",
    "slots_right": "llmeng.evals.scenario",
    "to_hf": "llmeng.evals.hf",
    "to_samples": "llmeng.evals.sample",
    "token_f1": "llmeng.evals.overlap",
    "tournament": "llmeng.evals.pairwise",
    "trust": "llmeng.evals.trust",
    "usage": "llmeng.evals.usage",
    "Victim": "llmeng.evals.victim",
    "xstest": "llmeng.evals.refusals",
}

__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    from ..errors import nearest

    hint = "" if name.startswith("_") else nearest(name, _NAMES)
    raise AttributeError(f"module 'llmeng.evals' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES} - {"import_module", "ModuleType", "sys"})


class _Rooms(ModuleType):
    "A room may be called like the function in it; `llmeng.evals.card` is the function, whoever imports the room."

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _NAMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Rooms
