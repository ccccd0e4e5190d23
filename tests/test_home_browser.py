"The home notebook as a newcomer meets it: in JupyterLab, in a browser, with the real model."

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from browser import Lab, Notebook, lengths
from playwright.sync_api import expect

HOME = Path(__file__).parent.parent / "nbs"
LONG = ("code", "%%llm -n 400 --to story\nTell me a long story about a lighthouse.")
AFTER = ("code", "print(story.finish_reason, len(story.text) > 0)")


def index_of(notebook: Path, start: str) -> int:
    "The number of the cell whose source begins so."
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return next(number for number, cell in enumerate(cells) if "".join(cell["source"]).startswith(start))


@pytest.fixture(scope="module")
def home(lab: Lab) -> Notebook:
    "The home notebook as it is handed out, its outputs cleared, with two cells at its end."
    handed_out = json.loads((HOME / "index.ipynb").read_text(encoding="utf-8"))
    for cell in handed_out["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    for number, (kind, source) in enumerate((LONG, AFTER)):
        handed_out["cells"].append(
            {
                **{"cell_type": kind, "id": f"extra{number}", "metadata": {}, "source": source},
                **{"execution_count": None, "outputs": []},
            }
        )
    (lab.root / "index.ipynb").write_text(json.dumps(handed_out), encoding="utf-8")
    shutil.copy(HOME / "index.cassette.jsonl", lab.root)
    return lab.open("index.ipynb")


def run(home: Notebook, start: str):
    index = index_of(home.path, start)
    output = home.run(index, timeout_s=120)
    assert "Traceback" not in output.inner_text(), output.inner_text()
    return output


def test_the_first_answer_grows(home: Notebook):
    run(home, "%load_ext llmeng")
    index = index_of(home.path, "%%llm -t 0\nWhy is the sky blue")
    home.start(index)
    answer = home.output(index).locator(".llmeng-answer")
    expect(answer).to_be_visible(timeout=60_000)
    done = home.cell(index).locator(".jp-InputPrompt")
    seen = lengths(answer, until=lambda: re.search(r"\d", done.inner_text()), timeout_s=120)
    assert len(seen) >= 4, f"the answer did not grow in steps: {seen}"
    expect(home.output(index).locator(".llmeng-note")).to_contain_text("local/smollm2-135m")
    expect(home.output(index).locator(".jp-OutputArea-output")).to_have_count(1)
    home.shot("home-first-answer")


def test_variables_data_labels_and_a_replay(home: Notebook):
    run(home, "guests =")
    run(home, "%%llm -t 0 -n 80 --to invitation")
    assert "80" in run(home, "invitation.usage").inner_text()
    run(home, "from dataclasses")
    expect(run(home, "%%llm --as City")).to_contain_text("Paris")
    expect(run(home, "city")).to_contain_text("City(name='Paris'")
    expect(run(home, "%%llm --choose")).to_contain_text("negative")
    run(home, "%llm cassette auto")
    expect(run(home, "%%llm -n 60")).to_contain_text("replayed")
    run(home, "%llm cassette live")
    expect(run(home, "import llmeng as le")).to_contain_text("Paris")
    home.shot("home-all")


def test_stop_keeps_what_was_said(home: Notebook):
    index = index_of(home.path, LONG[1])
    home.start(index)
    answer = home.output(index).locator(".llmeng-answer")
    expect(answer).to_contain_text(re.compile(r"\w+ \w+ \w+ \w+"), timeout=60_000)
    home.interrupt()
    expect(home.cell(index).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"), timeout=20_000)
    expect(answer.first).to_contain_text(re.compile(r"\w+ \w+ \w+"))
    home.shot("home-interrupted")
    expect(run(home, AFTER[1])).to_contain_text("interrupted True")


def test_saved_and_reopened(home: Notebook, lab: Lab):
    saved = home.save()
    answers = [cell for cell in saved["cells"] if "".join(cell["source"]).startswith("%%llm")]
    assert all(cell["outputs"] for cell in answers)
    again = lab.open("index.ipynb", kernel=False)
    index = index_of(home.path, "%%llm -t 0\nWhy is the sky blue")
    again.cell(index).scroll_into_view_if_needed()
    expect(again.output(index).locator(".llmeng-answer")).to_be_visible()
    expect(again.output(index)).to_contain_text("sky")
    again.theme(dark=True)
    again.shot("home-reopened-dark")


def test_the_page_was_quiet(home: Notebook, lab: Lab):
    assert lab.external == []
    assert home.page.locator(".jp-Dialog").count() == 0
