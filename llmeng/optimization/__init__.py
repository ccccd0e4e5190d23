"Prompts that are written, improved and searched for, and what that gained."

import sys
from importlib import import_module
from types import ModuleType

# Each name is loaded when it is first used: importing llmeng.optimization costs nothing.
_NAMES = {
    "bootstrap": "llmeng.optimization.bootstrap",
    "Candidate": "llmeng.optimization.candidate",
    "Candidates": "llmeng.optimization.candidate",
    "halving": "llmeng.optimization.race",
    "improve": "llmeng.optimization.improve",
    "optimize": "llmeng.optimization.optimize",
    "Optimized": "llmeng.optimization.optimized",
    "plan": "llmeng.optimization.plan",
    "Split": "llmeng.optimization.split",
    "split": "llmeng.optimization.split",
    "vary": "llmeng.optimization.vary",
    "write": "llmeng.optimization.write",
}

__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    from ..errors import nearest

    hint = "" if name.startswith("_") else nearest(name, _NAMES)
    raise AttributeError(f"module 'llmeng.optimization' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES} - {"import_module", "ModuleType", "sys"})


class _Rooms(ModuleType):
    "A room may be called like the function in it; `llmeng.optimization.write` is the function, whoever imports the room."

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _NAMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Rooms
