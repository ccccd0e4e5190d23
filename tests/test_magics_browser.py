"The magics in JupyterLab: an answer that grows, stop, a cell that runs again, a proposed cell, a reopened notebook."

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

SETUP = """%load_ext llmeng
from llmeng.models.scripted import Scripted
slow = Scripted('slow', answers='word ' * 40 + '**end**', delay_s=0.1)
memory = Scripted('memory', answers=lambda messages, options: f'{len(messages)} messages')
helper = Scripted('helper', answers='```python\\nprices["apple"]\\n```')
prices = {'apple': 3}"""

CELLS = [
    SETUP,
    "%%llm slow\ncount",
    "%%llm memory --chat talk\nfirst",
    "%%llm memory --chat talk\nsecond",
    "prices['aple']",
    "%llm fix helper",
]


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open("magics.ipynb", [("code", cell) for cell in CELLS])
    opened.run(0)
    return opened


def test_an_answer_grows_and_stop_keeps_it(notebook):
    notebook.start(1)
    output = notebook.output(1)
    expect(output).to_contain_text("word word word")
    early = len(output.inner_text())
    notebook.page.wait_for_timeout(1000)
    assert len(output.inner_text()) > early
    notebook.interrupt()
    expect(output).to_contain_text("Interrupted", timeout=10_000)
    expect(output).to_contain_text("word word word")
    output = notebook.run(1)
    expect(output.locator("strong")).to_have_text("end")
    assert output.locator(".jp-OutputArea-child").count() == 1
    output.locator("summary").click()
    expect(output.locator("details pre")).to_contain_text("ended because")


def test_running_a_cell_again_replaces_its_turn(notebook):
    expect(notebook.run(2)).to_contain_text("1 messages")
    expect(notebook.run(3)).to_contain_text("3 messages")
    expect(notebook.run(3)).to_contain_text("3 messages")
    output = notebook.run(2)
    expect(output).to_contain_text("1 messages")
    expect(output).to_contain_text("1 turn that came after this one dropped")


def test_a_fix_is_a_new_cell_below(notebook):
    expect(notebook.run(4)).to_contain_text("KeyError")
    notebook.run(5)
    expect(notebook.cell(6).locator(".cm-content")).to_contain_text('prices["apple"]')
    expect(notebook.cell(6).locator(".jp-InputPrompt")).to_have_text(
        re.compile(r"\[ \]:")
    )  # proposed, not run


def test_a_saved_notebook_shows_the_answers_again(notebook, lab):
    saved = notebook.save()
    (output,) = saved["cells"][1]["outputs"]
    assert output["output_type"] == "execute_result"
    again = lab.open("magics.ipynb", kernel=False)
    expect(again.output(1)).to_contain_text("end")
    assert not lab.external
