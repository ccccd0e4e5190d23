"A folder of prompts that lives in git: names, versions, labels, and a record of scores."

from importlib import import_module

# Each name is loaded when it is first used: importing llmeng.prompts.library costs nothing.
_NAMES = {
    "Library": "llmeng.prompts.library.library",
    "Problem": "llmeng.prompts.library.check",
    "ScoreRecord": "llmeng.prompts.library.record",
    "Version": "llmeng.prompts.library.history",
}

__all__ = list(_NAMES)


def __getattr__(name: str):
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    from ...errors import nearest

    hint = "" if name.startswith("_") else nearest(name, _NAMES)
    raise AttributeError(f"module 'llmeng.prompts.library' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES} - {"import_module"})
