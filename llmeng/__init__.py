"LLM engineering in Jupyter: `%load_ext llmeng`, then `%%llm`."

__version__ = "0.1.0"

# What `import llmeng as le` shows. Each name is loaded when it is first used: importing llmeng costs nothing.
_NAMES = {
    "Completion": "llmeng.core.completion",
    "Delta": "llmeng.core.completion",
    "Image": "llmeng.core.message",
    "LLMEngError": "llmeng.errors",
    "Message": "llmeng.core.message",
    "Model": "llmeng.core.model",
    "Prompt": "llmeng.prompts.prompt",
    "Usage": "llmeng.core.completion",
    "compare": "llmeng.evals.compare",
    "evaluate": "llmeng.evals.evaluate",
    "get_model": "llmeng.models.catalog",
    "optimize": "llmeng.optimization.optimize",
    "set_default_model": "llmeng.models.catalog",
}

__all__ = [*_NAMES, "load_ipython_extension", "unload_ipython_extension"]


def __getattr__(name: str):
    from importlib import import_module

    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'llmeng' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])


def load_ipython_extension(shell) -> None:
    "Register the magics: `%load_ext llmeng`."
    from llmeng.magics import load

    load(shell)


def unload_ipython_extension(shell) -> None:
    "Take the magics away: `%unload_ext llmeng`."
    from llmeng.magics import unload

    unload(shell)
