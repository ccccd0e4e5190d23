"The sliders of a decision in JupyterLab: keyboard, mouse, what is refused, dark and light, the reopened notebook."

from __future__ import annotations

import re

import pytest
from browser import Lab, Notebook, contrast, wait_until
from playwright.sync_api import expect

CARDS = """
from llmeng.evals.cards import Card, Cards
from llmeng.evals.resources import Resources
from llmeng.stats import wilson
from llmeng.widgets import Decide

def made(name, memory_mb, **right):
    values = {d: {str(i): float((i * 7 + k) % 36 < n) for i in range(36)} for k, (d, n) in enumerate(right.items())}
    return Card(name, {d: wilson(n, 36) for d, n in right.items()}, Resources(memory_mb), values)

cards = Cards([
    made("large <b>", 4000.0, knowledge=31, reasoning=27, languages=30),
    made("small", 500.0, knowledge=21, reasoning=8, languages=12),
    made("small with examples", 540.0, knowledge=20, reasoning=13, languages=16),
])
"""
SHOW = 'choice = Decide(cards, {"knowledge": 2, "reasoning": 2, "languages": 2, "resources": 4})\nchoice'
CELLS = [
    ("code", CARDS.strip()),
    ("code", SHOW),
    ("code", "choice.weights, choice.decision.winner"),
    ("code", 'choice.set({"resources": 4, "knowledge": 2}).winner'),
    ("code", "import time\n\ntime.sleep(4)"),
]


class Box:
    "The widget in a cell's output."

    def __init__(self, notebook: Notebook, index: int):
        self.root = notebook.cell(index).locator(".llmeng-decide")
        self.words = self.root.locator(".llmeng-decide-words")
        self.first = self.root.locator("tbody tr").first
        self.status = self.root.get_by_role("alert")

    def slider(self, name: str):
        return self.root.get_by_label(f"Weight of {name}", exact=True)

    def share(self, name: str):
        return (
            self.root.locator(".llmeng-decide-row")
            .filter(has=self.root.page.get_by_label(f"Weight of {name}", exact=True))
            .locator("output")
        )


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    notebook = lab.open("decide.ipynb", CELLS)
    notebook.run(0)
    notebook.run(1)
    return notebook


def test_a_slider_changes_the_winner(notebook: Notebook):
    box = Box(notebook, 1)
    expect(box.first).to_contain_text("small with examples")
    expect(box.share("resources")).to_have_text("40%")
    expect(box.root).to_contain_text("large <b> wins")
    assert box.root.locator("b").count() == 0, "a name became HTML"
    expect(notebook.output(1).locator(".llmeng-decide-static")).to_be_hidden()
    notebook.shot("decide-light")

    # by keyboard: the letters and arrows stay here, and do not move the notebook's selection
    slider = box.slider("resources")
    slider.focus()
    for _ in range(4):
        notebook.page.keyboard.press("PageDown")
    expect(box.first).to_contain_text("large <b>")
    notebook.page.keyboard.press("Home")
    expect(box.share("resources")).to_have_text("0%")
    expect(slider).to_have_value("0")
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowUp")
    expect(slider).to_have_value("0.2")
    expect(slider).to_be_focused()
    notebook.page.keyboard.press("Home")
    expect(box.share("resources")).to_have_text("0%")
    assert "'resources': 0.0" in notebook.run(2).inner_text()
    assert "large <b>" in notebook.output(2).inner_text()

    # by mouse, in one sweep: the last position counts
    place = box.slider("knowledge").bounding_box()
    middle = place["y"] + place["height"] / 2
    notebook.page.mouse.move(place["x"] + place["width"] * 0.2, middle)
    notebook.page.mouse.down()
    for step in range(21):
        notebook.page.mouse.move(place["x"] + place["width"] * (0.2 + step * 0.035), middle)
    notebook.page.mouse.up()
    expect(box.share("knowledge")).to_have_text(re.compile(r"^(6|7)\d%$"))
    wanted = float(box.slider("knowledge").input_value())
    assert 8.5 < wanted < 9.6
    wait_until(
        lambda: f"'knowledge': {wanted:g}" in notebook.run(2).inner_text(),
        "the last position never reached Python",
    )


def test_python_moves_the_sliders(notebook: Notebook):
    box = Box(notebook, 1)
    assert "small with examples" in notebook.run(3).inner_text()
    expect(box.slider("resources")).to_have_value("4")
    expect(box.slider("knowledge")).to_have_value("2")
    expect(box.first).to_contain_text("small with examples")
    box.slider("languages").fill("9")
    expect(box.first).to_contain_text("large <b>")
    box.root.get_by_role("button", name="Reset").click()
    expect(box.slider("languages")).to_have_value("2")


def test_what_is_refused_is_said(notebook: Notebook):
    box = Box(notebook, 1)
    for name in ("knowledge", "reasoning", "languages"):
        box.slider(name).fill("0")
        expect(box.share(name)).to_have_text("0%")
    box.slider("resources").fill("0")
    expect(box.status).to_contain_text("All weights are 0")
    expect(box.slider("resources")).to_have_value("4")  # back where it was
    box.root.get_by_role("button", name="Reset").click()
    expect(box.status).to_be_hidden()
    expect(box.first).to_contain_text("small with examples")


def test_it_answers_while_a_cell_runs(notebook: Notebook):
    box = Box(notebook, 1)
    notebook.start(4)
    box.slider("resources").fill("0")
    expect(box.first).to_contain_text("large <b>", timeout=3500)
    expect(notebook.cell(4).locator(".jp-InputPrompt")).to_have_text("[*]:")
    expect(notebook.cell(4).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))


def test_both_themes_are_readable(notebook: Notebook):
    box = Box(notebook, 1)
    for dark in (True, False):
        notebook.theme(dark=dark)
        for part in (box.words, box.first.locator("td").first, box.root.locator(".llmeng-decide-told").first):
            assert contrast(part) > 4.5
        if dark:
            notebook.shot("decide-dark")


def test_a_reopened_notebook_shows_the_copy(lab: Lab, notebook: Notebook):
    notebook.save()
    again = lab.open("decide.ipynb", kernel=False)
    static = again.cell(1).locator(".llmeng-decide-static")
    expect(static).to_be_visible()
    expect(static).to_contain_text("large <b>")
    expect(static).to_contain_text("How far the weights may move")
    assert not [error for error in notebook.errors if "decide" in error.lower()]
    assert not lab.external
