"Whatever a person types on the line and in the cell: an answer, or an error of llmeng's own."

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from llmeng.errors import LLMEngError, PromptError
from llmeng.magics import load, unload
from llmeng.magics.options import OPTIONS, parse
from llmeng.magics.words import words
from llmeng.models.scripted import Scripted
from llmeng.prompts.expression import interpolate, pieces

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    before = InteractiveShell.instance() if InteractiveShell.initialized() else None
    started = before or InteractiveShell.instance(
        ipython_dir=str(tmp_path_factory.mktemp("ipython")), history_length=0
    )
    load(started)
    started.user_ns.update(
        echo=Scripted(probabilities=lambda messages, options: dict.fromkeys(options.labels, 1)),
        name="Ada {{ secret }} {% x %}",
        secret="never",
        items=["a", "{{ secret }}"],
    )
    yield started
    unload(started)
    if before is None:
        InteractiveShell.clear_instance()


# Words that mean something on the line, and the characters that break parsers. No digits: `9**9**9` would hang.
MEANINGFUL = [
    *(f"--{option.name}" for option in OPTIONS if option.name not in ("image", "stop")),
    *[
        "-s",
        "-t",
        "-n",
        "-h",
        "--tmperature",
        "–to",
        "--",
        "-",
        "echo",
        "items",
        "name",
        "x",
        "in",
        "for",
        "a|b",
        "echo,echo",
        "=",
        "'",
        '"',
        "{{",
        "}}",
        "{{name}}",
        "{",
        "}",
        "(",
        "[",
        "]",
        ")",
        "\\",
    ],
    "{{ name }}",
    "x in items",
    "list[str]",
    "漢字",
    "é",
    "🙂",
]
line_text = st.lists(
    st.sampled_from(MEANINGFUL) | st.text(string.ascii_letters + "'\"{}[]()|=,.-\\ é漢\t", max_size=6),
    max_size=8,
).map(" ".join)
cell_text = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{",
            "}",
            "{%",
            "%}",
            "{#",
            "#}",
            "name",
            "items",
            " ",
            "\n",
            "'",
            '"',
            "|",
            "\\",
            "$x",
            "%s",
            "🙂",
            "漢",
        ]
    )
    | st.text(max_size=8),
    max_size=12,
).map("".join)


@QUICK
@given(line=line_text, cell=cell_text)
@example(line="-h", cell="")
@example(line="--for x in items echo", cell="{{ x }}")
def test_a_cell_answers_or_raises_its_own_error(shell, line, cell):
    try:
        shell.run_cell_magic("llm", f"echo --no-stream {line}", cell or "\n")
    except LLMEngError as error:
        assert str(error)


@QUICK
@given(line=line_text)
def test_the_line_is_parsed_or_refused(line):
    try:
        parse(line)
        words(line)
    except LLMEngError:
        pass


@QUICK
@given(line=line_text)
def test_a_line_magic_answers_or_raises_its_own_error(shell, line):
    for command in ("", "show ", "forget ", "edit ", "chats ", "usage ", "cassette x"):
        with contextlib.suppress(LLMEngError):
            shell.run_line_magic("llm", command + line)


@QUICK
@given(cell=st.text(min_size=1).filter(lambda text: text.strip() and "{{" not in text))
@example(cell='{"a": {"b": {}}}')
@example(cell="\\frac{a}{b} % }} {% raw %} {# x #}\r\n\tend")
def test_a_cell_without_expressions_is_sent_verbatim(shell, cell):
    sent = shell.run_cell_magic("llm", "echo --no-stream", cell)
    assert sent.text == cell.removesuffix("\n")


@QUICK
@given(
    cell=st.text(min_size=1).filter(lambda text: text.strip()) | cell_text.filter(lambda text: text.strip())
)
def test_raw_sends_anything_verbatim(shell, cell):
    sent = shell.run_cell_magic("llm", "echo --no-stream --raw", cell)
    assert sent.text == cell.removesuffix("\n")


@QUICK
@given(
    before=st.text().filter(lambda text: "{" not in text),
    value=st.text(),
    after=st.text().filter(lambda text: "{" not in text and "}" not in text[:1]),
)
def test_a_value_is_never_read_again(before, value, after):
    assert interpolate(f"{before}{{{{ value }}}}{after}", {"value": value}) == f"{before}{value}{after}"


@QUICK
@given(text=cell_text)
def test_pieces_lose_nothing(text):
    try:
        found = list(pieces(text))
    except PromptError:
        return
    assert "".join(f"{{{{{piece}}}}}" if is_expression else piece for piece, is_expression in found) == text
    for piece, is_expression in found:
        if not is_expression:
            assert list(pieces(piece)) == [(piece, False)]


@QUICK
@given(value=st.text())
def test_a_quoted_value_arrives_whole(value):
    if value.endswith("\\") or '\\"' in value:
        return  # a backslash before a quote is how a quote is written
    quoted = value.replace('"', '\\"')
    assert parse(f'-s "{quoted}" --raw').system == value
