"The magics: `load` registers thin functions, and the work is imported when a cell first uses them."

from __future__ import annotations

from typing import Any

# Where `%%llm` is taken by another extension, `%%le` is registered instead.
_NAMES = ("llm", "le")
_COMPLETION = ("llmeng.core.completion", "Completion")
_registered: dict[str, Any] = {}


def load(shell: Any) -> None:
    "Register `%%llm` and `%llm`, and start counting what this notebook uses."
    from llmeng.core.model import watch
    from llmeng.errors import MagicError
    from llmeng.magics.ledger import LEDGER

    if _registered:
        unload(shell)
    free = [name for name in _NAMES if not _taken(shell, name)]
    if not free:
        raise MagicError("Other extensions hold %%llm and %%le already; unload one of them with %unload_ext.")
    name = free[0]
    if name != "llm":
        print(
            f"%%llm belongs to another extension already ({_taken(shell, 'llm')}), so llmeng's is %%{name}."
        )
    for kind, function in (("cell", _cell_magic(shell)), ("line", _line_magic(shell))):
        shell.register_magic_function(function, magic_kind=kind, magic_name=name)
        _registered[kind] = (name, function)
    _registered["stop"] = watch(LEDGER.record)
    shell.input_transformers_cleanup.insert(0, _give_body)
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type_by_name(*_COMPLETION, _completion_bundle)
    if shell.Completer is not None:
        _registered["matcher"] = _matcher(shell)
        shell.Completer.custom_matchers.append(_registered["matcher"])


def unload(shell: Any) -> None:
    "Take the magics away; one that another extension has put in their place stays."
    for kind in ("cell", "line"):
        name, function = _registered.pop(kind, (None, None))
        magics = shell.magics_manager.magics[kind]
        if name and magics.get(name) is function:
            del magics[name]
    if stop := _registered.pop("stop", None):
        stop()
    shell.display_formatter.mimebundle_formatter.pop(".".join(_COMPLETION), None)
    matcher = _registered.pop("matcher", None)
    if matcher in (shell.Completer.custom_matchers if shell.Completer is not None else ()):
        shell.Completer.custom_matchers.remove(matcher)
    if _give_body in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(_give_body)


def magic_name() -> str:
    "The name of the magic in this session: llm, or le where another extension holds llm."
    return _registered.get("cell", ("llm", None))[0]


def _give_body(lines: list[str]) -> list[str]:
    # IPython refuses a cell magic without a body, and `%%llm --help` has none
    said = [line for line in lines if line.strip()]
    alone = len(said) == 1 and said[0].rstrip().partition(" ")[0] == f"%%{magic_name()}"
    return [*lines, "\n"] if alone else lines


_give_body.has_side_effects = (
    True  # a terminal asks whether a cell is complete: its body is still to be typed
)


def _taken(shell: Any, name: str) -> str:
    "Whose magic holds the name; empty where nobody's does."
    for kind in ("cell", "line"):
        function = shell.magics_manager.magics[kind].get(name)
        if function is not None:
            return getattr(function, "__module__", None) or type(function).__module__
    return ""


def _cell_magic(shell: Any):
    def llm(line: str, cell: str) -> Any:
        "Send the cell to a language model. `%%llm --help` shows the options."
        return _brief(lambda: _cell(shell, line, cell))

    llm._ipython_magic_no_var_expand = True  # braces in the line are llmeng's own
    return llm


def _line_magic(shell: Any):
    def llm(line: str) -> Any:
        "Conversations, models, usage, explanations, recordings. `%llm help` shows all."
        return _brief(lambda: _line(shell, line))

    llm._ipython_magic_no_var_expand = True
    return llm


def _cell(shell: Any, line: str, cell: str) -> Any:
    from llmeng.magics.cell import run_cell

    return run_cell(shell, line, cell)


def _line(shell: Any, line: str) -> Any:
    from llmeng.magics.line import run_line

    return run_line(shell, line)


def _brief(work) -> Any:
    from llmeng.errors import Interrupted, LLMEngError

    try:
        return work()
    except (LLMEngError, Interrupted) as error:
        from llmeng.magics.failure import shorten

        shorten(error)
        raise


def _completion_bundle(completion: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
    from llmeng.magics.answers import bundle

    return bundle(completion)


def _matcher(shell: Any):
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(priority=100, identifier="llmeng")
    def match(context: Any) -> dict[str, Any]:
        line = context.text_until_cursor
        if line.partition(" ")[0].lstrip("%") != magic_name() or not line.startswith("%") or " " not in line:
            return {"completions": []}
        from llmeng.magics.complete import complete

        words = [SimpleCompletion(word) for word in complete(line, shell.user_ns)]
        # nothing else knows this line; Python's names would only be in the way
        return {"completions": words, "matched_fragment": line.rpartition(" ")[2], "suppress": True}

    return match
