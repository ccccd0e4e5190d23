"""Every lesson runs with the live local model, as handed out and with its solutions.

One run proves both: the notebook as a learner gets it, and behind it every exercise again with its solution.
Two lessons run at a time.
"""

import json
from pathlib import Path

import pytest
from papers import papers

from llmeng.course import exercise_name, results, solved

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "nbs" / "lessons").glob("*.ipynb"))


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write(path, notebook, cells):
    Path(path).write_text(json.dumps({**notebook, "cells": cells}), encoding="utf-8")


def source(cell):
    return "".join(cell["source"])


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", [])


def test_there_are_lessons():
    assert len(LESSONS) >= 2


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_layout(path, tmp_path):
    cells = read(path)["cells"]
    title = source(cells[0]).splitlines()[0]
    assert title.startswith("# ") and title.endswith("?"), f"A lesson's title is a question, got {title!r}."
    for word in ("**Time**", "**Cost**", "**Hardware**", "Afterwards you can"):
        assert word in source(cells[0]), f"{word} is missing at the top."
    assert any(tagged(cell, "parameters") for cell in cells[:3]), (
        "No cell near the top is tagged `parameters`."
    )
    text = "\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")
    assert "Predict before you run" in text
    for heading in ("## Where it breaks", "## Exercises", "## Questions", "## Reading"):
        assert heading in text, f"No {heading!r}."
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(source(cell).startswith("#| export") for cell in code), "A lesson exports nothing."
    exercises = [n for n, cell in enumerate(code) if tagged(cell, "exercise")]
    assert len(exercises) >= 2
    for n in exercises:
        name = exercise_name(source(code[n]))
        check = next((source(cell) for cell in code[n + 1 : n + 2]), "")
        assert "check(" in check and name in check, f"The cell after the exercise {name!r} does not check it."
    solved(path, tmp_path / "solved.ipynb")  # raises where solutions and exercises do not match


def with_solutions(path, folder):
    "The lesson as a learner gets it, and behind it every exercise again with its solution."
    solved(path, folder / "solved.ipynb")
    lesson, answers = read(path), read(folder / "solved.ipynb")["cells"]
    code = [cell for cell in answers if cell["cell_type"] == "code"]
    again = [
        cell
        for n, cell in enumerate(code)
        if tagged(cell, "exercise") or (n and tagged(code[n - 1], "exercise"))
    ]
    again = [{**cell, "id": f"again{n}"} for n, cell in enumerate(again)]
    write(folder / "both.ipynb", lesson, lesson["cells"] + again)


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    folders = {}
    with papers() as running:
        for item in request.session.items:  # those that were asked for
            if item.fspath == request.node.fspath and "running" in item.fixturenames:
                path = item.callspec.params["path"]
                folders[path] = folder = tmp_path_factory.mktemp("lesson")
                with_solutions(path, folder)
                running.begin(path, folder / "both.ipynb", folder / "ran.ipynb", folder)
        yield running, folders


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_runs_open_and_solved(path, running):
    notebooks, folders = running
    notebooks.finish(path)
    folder = folders[path]
    ran, n_again = (
        read(folder / "ran.ipynb"),
        len(read(folder / "both.ipynb")["cells"]) - len(read(path)["cells"]),
    )
    split = len(ran["cells"]) - n_again
    write(folder / "open.ipynb", ran, ran["cells"][:split])
    write(folder / "closed.ipynb", ran, ran["cells"][split:])
    for name, status in (("open", "not yet"), ("closed", "solved")):
        found = results(folder / f"{name}.ipynb")
        assert len(found) == n_again // 2
        for result in found:
            assert result.status == status, f"{result.exercise} is {result}"
