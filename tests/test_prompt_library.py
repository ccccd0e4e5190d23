"The prompt library where it hurts: two that save at once, a kill in the middle, files that people broke, branches that merge."

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kernel import Kernel, run_papermill

from llmeng.errors import PromptConflict, PromptError
from llmeng.magics.save import template_of
from llmeng.prompts import Prompt, interpolate, pieces
from llmeng.prompts.library import Library
from llmeng.prompts.library.reference import CURRENT, check_name, reference
from llmeng.stats import wilson


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "prompts")


def python(code: str, *arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def left_behind(library: Library) -> list[Path]:
    return [path for path in library.folder.path.rglob("*") if path.name.endswith((".tmp", ".lock"))]


# Two at once

SAVER = """
import sys
from llmeng.errors import PromptConflict
from llmeng.prompts import Prompt
from llmeng.prompts.library import Library

folder, who, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
library = Library(folder)
conflicts = 0
library.save("shared", f"{who} first of {{{{ x }}}}")  # so that one of them starts from an older version
print("ready", flush=True)
sys.stdin.readline()
for number in range(rounds):
    prompt = Prompt(f"{who} {number} of {{{{ x }}}}", notes=f"{who} says {number}")
    try:
        library.save("shared", prompt, label=who)
    except PromptConflict as conflict:
        conflicts += 1
        assert conflict.kept == prompt.version and conflict.current != prompt.version
print(conflicts, flush=True)
"""


def test_two_processes_save_one_prompt_and_lose_nothing(library):
    rounds = 15
    savers = [python(SAVER, str(library.folder.path), who, str(rounds)) for who in ("ada", "bob")]
    for saver in savers:
        assert saver.stdout.readline() == "ready\n"
    for saver in savers:
        saver.stdin.write("go\n")
        saver.stdin.flush()
    conflicts = [int(saver.communicate(timeout=60)[0]) for saver in savers]
    assert all(saver.returncode == 0 for saver in savers)
    said = {version.prompt.template: version.prompt.notes for version in library.history("shared")}
    wanted = {f"{who} {n} of {{{{ x }}}}": f"{who} says {n}" for who in ("ada", "bob") for n in range(rounds)}
    assert said == {**wanted, "ada first of {{ x }}": "", "bob first of {{ x }}": ""}
    assert library["shared"].template in said
    assert sum(conflicts) > 0  # they met, and were told
    assert library.check() == [] and left_behind(library) == []


def test_who_started_from_an_older_version_is_told_across_processes(library):
    library.save("shared", "one {{ x }}")
    code = "import sys; from llmeng.prompts.library import Library; Library(sys.argv[1]).save('shared', 'two {{ x }}')"
    assert python(code, str(library.folder.path)).wait(60) == 0
    with pytest.raises(PromptConflict, match="changed since you looked") as caught:
        library.save("shared", "three {{ x }}", label="production")
    assert library["shared"].template == "two {{ x }}" and library.labels("shared") == {}
    assert library[f"shared@{caught.value.kept}"].template == "three {{ x }}"
    assert caught.value.current == library["shared"].version
    library.save("shared", "three {{ x }}", label="production")
    assert library["shared@production"].template == "three {{ x }}"


def test_a_file_edited_meanwhile_is_kept_and_not_written_over(library):
    library.save("shared", "one {{ x }}")
    mine = library["shared"]
    library.folder.file("shared").write_text("edited by hand {{ x }}\n")
    with pytest.raises(PromptConflict):
        library.save("shared", mine.replace(template="changed in the notebook {{ x }}"))
    texts = {version.prompt.template for version in library.history("shared")}
    assert texts == {"one {{ x }}", "edited by hand {{ x }}", "changed in the notebook {{ x }}"}
    assert library["shared"].template == "edited by hand {{ x }}"


# Killed

DYING = """
import os, sys, time
from llmeng.prompts.library import Library

library, at = Library(sys.argv[1]), int(sys.argv[2])
count, replace = 0, os.replace

def stop(source, target):
    global count
    count += 1
    if count == at:
        print("in the middle", flush=True)
        time.sleep(600)
    replace(source, target)

os.replace = stop
library.save("shared", "new {{ x }}", label="production")
"""


@pytest.mark.parametrize("at, n_versions, current", [(1, 1, "old"), (2, 2, "old"), (3, 2, "new")])
def test_a_save_that_is_killed_leaves_whole_files_and_no_lock(library, at, n_versions, current):
    library.save("shared", "old {{ x }}", label="production")
    saver = python(DYING, str(library.folder.path), str(at))
    assert saver.stdout.readline() == "in the middle\n"
    saver.send_signal(signal.SIGKILL)
    saver.wait(60)
    assert library["shared"].template == f"{current} {{{{ x }}}}"
    assert library["shared@production"].template == "old {{ x }}"
    assert len(library.history("shared")) == n_versions
    assert library.check() == [] and len(left_behind(library)) == 1
    library.save("shared", "newer {{ x }}")  # the lock is free, and what was left is swept away
    assert left_behind(library) == [] and library["shared"].template == "newer {{ x }}"


# Broken files

BROKEN = {
    "---\ninputs: [\n---\nHi\n": r"x\.prompt\.md:\d+: .*YAML",
    "---\ntemprature: 0\n---\nHi\n": r"x\.prompt\.md:2: a prompt has no 'temprature'",
    "---\noptions:\n  temprature: 0\n---\nHi\n": r"x\.prompt\.md.*temprature",
    "---\nname: x\nHi\n": r"x\.prompt\.md:1: .*never ends",
    "---\nmodel: x\n---\nHi {{ name }\n": r"x\.prompt\.md:4: ",
    "---\n- a\n---\nHi\n": r"x\.prompt\.md:2: ",
    "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n": r"x\.prompt\.md:2: a mark of an unfinished git merge",
    "a\0b": r"x\.prompt\.md:1: a zero byte",
    "{{ x.__class__ }}{% import 'os' as os %}": r"x\.prompt\.md:1: ",
}


@pytest.mark.parametrize("text, message", BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_file_is_named_with_its_line_and_never_written_over(library, text, message):
    library.save("x", "Hi", label="production")
    file = library.folder.file("x")
    file.write_text(text)
    with pytest.raises(PromptError, match=message):
        library["x"]
    for change in (
        lambda: library.save("x", "new"),
        lambda: library.rollback("x"),
        lambda: library.label("x", "candidate"),
        lambda: library.record("x", {"m": wilson(1, 2)}, dataset="d", model="m"),
    ):
        with pytest.raises(PromptError, match="Nothing was changed"):
            change()
    assert file.read_text() == text
    assert library["x@production"].template == "Hi"  # the rest of the library goes on
    assert [entry.state for entry in library.entries()] == ["broken"]
    (problem,) = library.check()
    assert str(problem).startswith(f"{library.folder.shown}/x.prompt.md")


@given(
    data=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    )
)
@example(data=b"---\n---\n")
@example(data=b"---\na: &x [*x]\n---\nHi")
@example(data=b"\xff\xfe")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_a_file_gives_a_prompt_or_a_prompt_error(library, data):
    file = library.folder.file("any/thing")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    try:
        library["any/thing"]
        broken = False
    except PromptError as error:
        broken = True
        assert "any/thing.prompt.md" in str(error)
    entries = library.entries()
    assert (entries[0].state == "broken") == broken
    repr(entries), entries._repr_html_(), library.search("a")
    assert bool(library.check().grave) == broken
    if broken:
        with pytest.raises(PromptError):
            library.save("any/thing", "new")
        assert file.read_bytes() == data


@given(
    keys=st.dictionaries(
        st.sampled_from(
            ["name", "model", "options", "inputs", "output", "examples", "notes", "tags", "other"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2)
            ),
            max_leaves=5,
        ),
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_front_matter_of_any_shape_gives_a_prompt_or_a_prompt_error(library, keys):
    import yaml

    file = library.folder.file("x")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\n{yaml.safe_dump(keys, allow_unicode=True)}---\nHi {{{{ a }}}}\n", encoding="utf-8")
    try:
        version = library["x"].version
    except PromptError as error:
        assert "x.prompt.md" in str(error)
        return
    text = file.read_text(encoding="utf-8")
    assert library.save("x").version == version and library.save("x", library["x"]).version == version
    assert file.read_text(encoding="utf-8") == text  # as a person wrote it
    assert library.check() == []


@given(text=st.text(max_size=40))
@example(text="../../etc/passwd")
@example(text="a/../../b")
@example(text="C:\\x")
@settings(max_examples=300, deadline=None)
def test_no_name_leaves_the_folder(tmp_path_factory, text):
    try:
        name = check_name(text)
    except PromptError:
        return
    folder = Library("prompts").folder
    assert folder.file(name).resolve().is_relative_to(folder.path)
    assert folder.history(name).resolve().is_relative_to(folder.path)
    assert check_name(name) == name and reference(name) == (name, CURRENT)


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
@example(text="user:\n{% if %}{{}} {# #}\n\\system:")
@example(text="{{ '{{' }}")
@settings(max_examples=200, deadline=None)
def test_a_saved_cell_says_what_the_cell_said(text):
    def sent(template):
        messages = Prompt(template).messages() if template.strip() else ()
        assert len(messages) <= 1 or messages[0].role == "user"
        return messages[0].text if messages else ""

    def plain(said):
        return (
            said.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
        )  # as a template's lines end

    if plain(text).strip():
        assert sent(template_of(text, raw=True)).strip() == plain(text).strip()
    try:
        filled = interpolate(text, {})
        expressions = any(is_expression for _, is_expression in pieces(text))
    except PromptError:
        return
    if plain(text).strip() and not expressions:
        assert sent(template_of(text)).strip() == plain(filled).strip()


# git


def git(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_branches_that_keep_versions_and_records_merge(tmp_path):
    git(tmp_path, "init")
    library = Library(tmp_path / "prompts")
    library.save("mail/spam", "Is it spam? {{ mail }}", label="production")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    for branch, text in (("ours", "Is this spam? {{ mail }}"), ("theirs", "Is that spam? {{ mail }}")):
        git(tmp_path, "checkout", "-b", branch, "main")
        version = library.save("mail/spam", text, notes=branch)
        library.record("mail/spam", {"accuracy": wilson(8, 10)}, dataset="mails", model="m", note=branch)
        library.rollback("mail/spam", to="production")  # both try something, and neither makes it current
        library.save(f"mail/{branch}", "Another {{ mail }}")
        if branch == "theirs":
            library.label("mail/spam", "candidate", version.version)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", branch)
    git(tmp_path, "merge", "ours")
    assert {version.prompt.notes for version in library.history("mail/spam")} == {"", "ours", "theirs"}
    assert {record.note for record in library.records("mail/spam")} == {"ours", "theirs"}
    assert library.check() == [] and library.status() == []
    assert list(library) == ["mail/ours", "mail/spam", "mail/theirs"]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_branches_that_move_one_label_conflict_in_one_line_and_are_told(tmp_path):
    git(tmp_path, "init")
    library = Library(tmp_path / "prompts")
    library.save("x", "one", label="production")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    for branch in ("ours", "theirs"):
        git(tmp_path, "checkout", "-b", branch, "main")
        library.save("x", branch, label="production")
        library.rollback("x", to=library.history("x")[-1].version)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", branch)
    git(tmp_path, "merge", "ours", code=1)
    assert git(tmp_path, "diff", "--name-only", "--diff-filter=U") == "prompts/x.history/production.label\n"
    with pytest.raises(PromptError, match=r"production\.label:\d+: a mark of an unfinished git merge"):
        library["x@production"]
    assert library["x"].template == "one"
    assert [str(problem) for problem in library.check().grave if "production.label:" in str(problem)]


def test_a_library_works_where_it_may_not_be_written(library):
    library.save("x", "one {{ a }}", label="production")
    folder = library.folder
    for path in [*folder.path.rglob("*"), folder.path]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        again = Library(folder.path)
        assert again["x@production"].template == "one {{ a }}" and again.check() == [] and again.entries()
        if not os.access(folder.path, os.W_OK):  # root may write everywhere
            with pytest.raises(PromptError, match="can't be written"):
                again.save("x", "two {{ a }}")
            assert again["x"].template == "one {{ a }}"
    finally:
        for path in [folder.path, *folder.path.rglob("*")]:
            path.chmod(0o755)


# In a notebook

SETUP = "%load_ext llmeng\nfrom llmeng.prompts import Prompt"
CELL = "%%llm -t 0 -n 12 -s 'Answer in one word.'\nWhat is the capital of {{ country }}?"


def test_save_and_run_on_the_local_model(tmp_path):
    kernel = Kernel(tmp_path, weights=True)
    try:
        kernel.run(f"{SETUP}\ncountry = 'France'")
        assert kernel.run("%llm save capital")["evalue"].startswith("No %%llm cell has run yet")
        assert kernel.run(CELL)["status"] == "ok"
        first = kernel.value("_.text")
        assert kernel.run("%llm save geo/capital --label production --notes 'one word'")["status"] == "ok"
        shown = kernel.outputs[0]["data"]["text/plain"]
        assert "geo/capital" in shown and "Inputs: country" in shown
        # the same text again is the same prompt: the variable fills it, then the cell does
        assert kernel.run("%%llm --prompt geo/capital@production")["status"] == "ok"
        assert kernel.value("_.text") == first
        assert kernel.run("%%llm --prompt geo/capital@production --to said\nItaly")["status"] == "ok"
        assert kernel.value("said.text") and kernel.value("said.finish_reason")
        reply = kernel.run("%%llm --prompt geo/captal\nItaly")
        assert (reply["ename"], "Did you mean 'geo/capital'?" in reply["evalue"]) == ("PromptError", True)
        kernel.run("del country")
        assert "needs 'country'" in kernel.run("%%llm --prompt geo/capital")["evalue"]
        kernel.run("%llm prompts")
        assert "production" in kernel.outputs[0]["data"]["text/html"]
        kernel.run("%llm prompts check")
        assert "in order: 3 files" in kernel.outputs[0]["data"]["text/plain"]
    finally:
        kernel.stop()
    saved = Library(tmp_path / "prompts")["geo/capital"]
    assert (saved.instruction, saved.notes, dict(saved.options)) == (
        "Answer in one word.",
        "one word",
        {"temperature": 0, "max_tokens": 12},
    )


def test_papermill_saves_and_runs_a_prompt(tmp_path):
    code, notebook, _ = run_papermill(
        tmp_path,
        "%load_ext llmeng\nname = 'Ada'",
        '%%llm scripted/echo\nGreet {{ name }}: {"a": {"b": 1}}',
        "%llm save greet",
        "%%llm --prompt greet\nBob",
        "%%llm --prompt greet --for name in ['x', 'y']",
    )
    assert code == 0
    assert """Greet Bob: {"a": {"b": 1}}""" in notebook.cells[3].outputs[0].data["text/plain"]
    code, _, said = run_papermill(tmp_path, "%load_ext llmeng", "%%llm --prompt nothing\nx", "print('never')")
    assert code != 0
