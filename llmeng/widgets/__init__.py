"What a notebook shows that answers back; each is a view of a plain object that works without it."

# Each name is loaded when it is first used.
_NAMES = {
    "Annotate": "llmeng.widgets.annotate",
    "Blind": "llmeng.widgets.blind",
    "Chat": "llmeng.widgets.chat",
    "Compare": "llmeng.widgets.compare",
    "Decide": "llmeng.widgets.decide",
    "PromptLab": "llmeng.widgets.prompt_lab",
}

__all__ = [*_NAMES]


def __getattr__(name: str):
    from importlib import import_module

    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'llmeng.widgets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
