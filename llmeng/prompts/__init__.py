"Prompts: templates, techniques, and a library that keeps them."

import sys
from importlib import import_module
from types import ModuleType

# Each name is loaded when it is first used: importing llmeng.prompts costs nothing.
_NAMES = {
    "answer_in": "llmeng.prompts.format",
    "as_model": "llmeng.prompts.technique",
    "calibrate": "llmeng.prompts.calibrate",
    "calibrate_batch": "llmeng.prompts.calibrate",
    "Calibrated": "llmeng.prompts.calibrate",
    "Calibration": "llmeng.prompts.calibrate",
    "Calls": "llmeng.prompts.technique",
    "chain": "llmeng.prompts.chain",
    "chain_of_thought": "llmeng.prompts.chain_of_thought",
    "clarify": "llmeng.prompts.clarify",
    "correct": "llmeng.prompts.correction",
    "decompose": "llmeng.prompts.decompose",
    "Example": "llmeng.prompts.example",
    "few_shot": "llmeng.prompts.few_shot",
    "FewShot": "llmeng.prompts.few_shot",
    "fill_slots": "llmeng.prompts.slots",
    "filled": "llmeng.prompts.slots",
    "FORMS": "llmeng.prompts.format",
    "Input": "llmeng.prompts.inputs",
    "interpolate": "llmeng.prompts.expression",
    "Library": "llmeng.prompts.library.library",
    "Need": "llmeng.prompts.clarify",
    "pieces": "llmeng.prompts.expression",
    "paraphrase": "llmeng.prompts.paraphrase",
    "Paraphrases": "llmeng.prompts.paraphrase",
    "Prompt": "llmeng.prompts.prompt",
    "quotes": "llmeng.prompts.summary",
    "random_words": "llmeng.prompts.neutral",
    "read_answer": "llmeng.prompts.answer",
    "refine": "llmeng.prompts.refine",
    "role": "llmeng.prompts.role",
    "Selection": "llmeng.prompts.select",
    "self_consistency": "llmeng.prompts.self_consistency",
    "Slot": "llmeng.prompts.slot",
    "starter": "llmeng.prompts.starter",
    "Strategy": "llmeng.prompts.strategy",
    "summarise": "llmeng.prompts.summary",
    "Technique": "llmeng.prompts.technique",
    "to_examples": "llmeng.prompts.example",
    "Variation": "llmeng.prompts.variation",
    "variations": "llmeng.prompts.variation",
    "wrap": "llmeng.prompts.technique",
}

__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    from ..errors import nearest

    hint = "" if name.startswith("_") else nearest(name, _NAMES)
    raise AttributeError(f"module 'llmeng.prompts' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES} - {"import_module", "ModuleType", "sys"})


class _Rooms(ModuleType):
    "A room may be called like the function in it; `llmeng.prompts.refine` is the function, whoever imports the room."

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _NAMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Rooms
