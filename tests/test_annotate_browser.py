"Labelling and blind comparison in JupyterLab: by keys, by mouse, after a restart, and what the page never learns."

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from browser import KERNEL_READY, Lab, Notebook, contrast
from playwright.sync_api import expect

TEXT = "Ada 👩‍💻 met 李雷 and Zoë in 北京。\nThe cafe\u0301 was closed."
HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'> ![p](https://a.example/p.png) **bold**"
SETUP = f"""
from llmeng.evals import Labels
from llmeng.evals.record import Record
from llmeng.evals.sample import Sample
from llmeng.widgets import Annotate, Blind

TEXT = {TEXT!r}
texts = ["Thank you!", {HOSTILE!r}, "Where is it. Again.", "Fine.", "Go away.", "Please wait."]
tone = dict(labels=["polite", "rude"], task="tone", guidelines="*Rude* is what would **hurt** you.")


class Run:
    def __init__(self, name, app, says):
        self.name, self.app = name, app
        self.records = [Record(Sample(f"Question {{n}}?", id=f"q{{n}}"), output=f"{{says}} {{n}}", model=app) for n in range(4)]


runs = [Run("nightly-prompt", "openai/gpt-secret-7", "I am GPT-Secret-7. Yes"), Run("baseline", "local/hidden-135m", "No")]
"""
ADA = 'ada = Annotate(texts, annotator="ada", **tone)\nada'
BEN = 'ben = Annotate(texts, annotator="ben", **tone)\nben'
SPANS = 'spans = Annotate([TEXT, "Nobody here."], spans=["person", "place"], annotator="ada", task="names")\nspans'
FREE = 'free = Annotate(["2 + 2 = 5", "3 + 3 = 7"], text=True, annotator="ada", task="corrections")\nfree'
STARS = """
stars = Annotate([f"text {n}" for n in range(10_000)], rating=(1, 5), annotator="ada", task="stars",
                 prelabel={"1": (4, 0.81), "2": 2}, show_prelabel="before")
stars
"""
BLIND = 'blind = Blind(*runs, annotator="ada", task="which prompt", guidelines="The **better** one.")\nblind'
ASK = "print(ada.labels, ben.labels, len(Labels('tone').history()))"
BUSY = "import time\n\ntime.sleep(4)"
CELLS = [("code", source.strip()) for source in (SETUP, ADA, BEN, SPANS, FREE, STARS, BLIND, ASK, BUSY)]


class Desk:
    "The session in a cell's output."

    def __init__(self, notebook: Notebook, index: int):
        self.page = notebook.page
        self.root = notebook.cell(index).locator(".llmeng-session")
        self.text = self.root.locator(".llmeng-session-text").first
        self.count = self.root.locator(".llmeng-session-count")
        self.status = self.root.locator(".llmeng-session-status")

    def button(self, name: str):
        return self.root.get_by_role("button", name=name, exact=True)

    def press(self, *keys: str) -> None:
        "Press keys, each when the answer before it has arrived."
        for key in keys:
            expect(self.root).not_to_have_attribute("aria-busy", "true")
            self.page.keyboard.press(key)
        expect(self.root).not_to_have_attribute("aria-busy", "true")


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    notebook = lab.open("people.ipynb", CELLS)
    for index in range(7):
        notebook.run(index)
    return notebook


def ask(notebook: Notebook, code: str) -> str:
    "What the kernel says."
    notebook.cell(7).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.insert_text(code)
    return notebook.run(7).locator(".jp-OutputArea-output").last.inner_text().strip()


def cells(notebook: Notebook) -> list:
    "What the notebook is made of, and what was run."
    return notebook.page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.map(w => [w.model.type, w.model.id, w.model.executionCount])"
    )


def test_labels_by_keys(notebook: Notebook):
    desk = Desk(notebook, 1)
    before = cells(notebook)
    desk.root.click(position={"x": 300, "y": 14})
    expect(desk.count).to_have_text("1 of 6 · 0 labelled")
    desk.press("1")
    expect(desk.count).to_have_text("2 of 6 · 1 labelled")
    notebook.shot("people-labels")

    # what is labelled is text, whatever it says
    assert (
        desk.text.inner_text().startswith("<script>")
        and desk.root.locator("img, script, .llmeng-session-main strong").count() == 0
    )
    assert notebook.page.evaluate("window.hit") is None
    expect(desk.root.locator(".llmeng-session-guidelines strong")).to_have_text("hurt")

    desk.press("r", "j", "s")  # by letter; on, past one; skip
    expect(desk.count).to_have_text("5 of 6 · 2 labelled · 1 skipped")
    desk.press("k", "k")
    expect(desk.count).to_have_text("3 of 6 · 2 labelled · 1 skipped")
    desk.press("f")
    expect(desk.root.get_by_label("Why somebody should look at it")).to_be_focused()
    notebook.page.keyboard.type("jokes? dd")
    desk.press("Enter")
    expect(desk.count).to_have_text("3 of 6 · 2 labelled · 1 skipped · 1 flagged")
    expect(desk.status).to_have_text("Flagged. Flagged: jokes? dd")
    desk.press("ArrowLeft")
    expect(desk.button("rude")).to_have_attribute("aria-pressed", "true")
    desk.press("1")  # changed
    desk.press("u")  # and back
    expect(desk.button("rude")).to_have_attribute("aria-pressed", "true")
    expect(desk.button("polite")).to_have_attribute("aria-pressed", "false")
    desk.press("?")
    expect(desk.root.locator(".llmeng-session-help")).to_be_visible()
    notebook.shot("people-keys")
    desk.press("Escape")

    # keys that mean something to the notebook: insert, delete, cut, merge, change the type, run, undo
    expect(desk.root).to_be_focused()
    for key in (
        "a",
        "b",
        "d",
        "d",
        "x",
        "m",
        "z",
        "Shift+M",
        "Enter",
        "Shift+Enter",
        "Control+Enter",
        "ArrowUp",
        "i",
        "i",
    ):
        notebook.page.keyboard.press(key)
    assert cells(notebook) == before, "a shortcut reached the notebook"
    expect(desk.root).to_be_focused()
    assert "{'1': 'polite', '2': 'rude'} {}" in ask(notebook, ASK)


def test_a_key_is_for_the_item_that_was_seen(notebook: Notebook):
    desk = Desk(notebook, 1)
    desk.root.click(position={"x": 300, "y": 14})
    expect(desk.text).to_have_text("Where is it. Again.")
    desk.root.evaluate(
        """node => { for (let n = 0; n < 3; n++) node.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true})); }"""
    )
    expect(desk.count).to_have_text("5 of 6 · 3 labelled · 1 skipped · 1 flagged")
    desk.root.evaluate(
        """node => node.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true, repeat: true}))"""
    )
    assert "{'1': 'polite', '2': 'rude', '3': 'rude'}" in ask(notebook, ASK)


def test_two_annotators_and_the_mouse(notebook: Notebook):
    ben = Desk(notebook, 2)
    for name in ("polite", "rude", "polite"):
        expect(ben.root).not_to_have_attribute("aria-busy", "true")
        ben.button(name).click()
    expect(ben.count).to_have_text("4 of 6 · 3 labelled")
    expect(ben.root).to_be_focused()  # a click leaves the keys where they were
    expect(ben.root.locator(".llmeng-session-agreement")).to_contain_text("Cohen's kappa", timeout=15_000)
    expect(ben.root.locator(".llmeng-session-agreement")).to_contain_text("n=3")
    notebook.shot("people-agreement")
    ben.button("Take back the last answer").click()
    expect(ben.count).to_have_text("3 of 6 · 2 labelled")


def test_spans_by_key_and_mouse(notebook: Notebook):
    desk = Desk(notebook, 3)
    desk.text.click(position={"x": 500, "y": 20})
    desk.text.evaluate("node => { getSelection().removeAllRanges(); node.focus(); }")
    desk.press("Home", "1")  # Ada
    desk.press("ArrowRight", "2")  # the emoji, three code points
    desk.press("ArrowRight", "ArrowRight")
    while (
        desk.page.evaluate("getSelection().toString()") != "李雷"
    ):  # one word or two, as the browser cuts it
        desk.press("Shift+ArrowRight")
    desk.press("p")
    notebook.shot("people-spans")
    found = ask(notebook, "[(TEXT[s:e], name) for s, e, name in spans.store.get('1', 'ada', 'spans').value]")
    assert found == "[('Ada', 'person'), ('👩\\u200d💻', 'place'), ('李雷', 'person')]"
    assert desk.count.inner_text() == "1 of 2 · 0 labelled"  # not confirmed

    # a span over others, by the mouse; white space at its ends does not belong to it
    desk.text.scroll_into_view_if_needed()
    start, end = (
        desk.text.evaluate(
            """(node, word) => {
              const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), range = document.createRange();
              while (walker.nextNode()) {
                const at = walker.currentNode.data.indexOf(word);
                if (at < 0) continue;
                range.setStart(walker.currentNode, at);
                range.setEnd(walker.currentNode, at + word.length);
                const { left, right, top, height } = range.getBoundingClientRect();
                return { left, right, y: top + height / 2 };
              }
            }""",
            word,
        )
        for word in ("met", "Zoë")
    )
    notebook.page.mouse.move(start["left"] - 2, start["y"])
    notebook.page.mouse.down()
    notebook.page.mouse.move(end["right"], end["y"], steps=5)
    notebook.page.mouse.up()
    desk.button("place").click()
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(4)
    assert desk.text.locator("mark").filter(has_text="李雷").get_attribute("title") in (
        "person, place",
        "place, person",
    )
    notebook.shot("people-spans-overlap")

    # half of a letter with its accent, and half of an emoji, can't be marked
    desk.text.evaluate(
        """node => {
          const text = node.textContent, walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
          const i = text.indexOf('cafe'); let left = 0;
          while (walker.nextNode()) { const here = walker.currentNode; if (i >= left && i < left + here.length) {
            getSelection().setBaseAndExtent(here, i - left, here, i - left + 4); return; } left += here.length; }
        }"""
    )
    desk.press("l")
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(5)
    desk.press("Alt+ArrowLeft", "2")  # the end one letter back
    desk.press("Enter")
    expect(desk.count).to_have_text("2 of 2 · 1 labelled")
    found = ask(notebook, "[TEXT[s:e] for s, e, _ in spans.labels['1']]")
    assert found == "['Ada', '👩\\u200d💻', 'met 李雷 and Zoë', '李雷', 'caf', 'café']"

    # none is an answer too; a span is removed by key, by its button, and comes back
    desk.root.click(position={"x": 300, "y": 14})
    desk.press("Enter")
    expect(desk.root.locator(".llmeng-session-end")).to_have_text("All 2 are labelled. Thank you.")
    desk.press("k", "k")
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(6)
    desk.root.get_by_role("button", name="Remove met 李雷 and Zoë, place").click()
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(5)
    expect(desk.count).to_have_text("1 of 2 · 1 labelled")
    desk.press("Home", "Backspace")
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(4)
    desk.press("u", "u")
    expect(desk.root.locator(".llmeng-session-spans li")).to_have_count(6)
    expect(desk.count).to_have_text("1 of 2 · 2 labelled")


def test_a_very_long_text(notebook: Notebook):
    ask(
        notebook,
        "long = Annotate(['😀 ' + 'word ' * 40_000 + 'in 北京'], spans=['place'], annotator='ada', task='long')\nlong",
    )
    desk = Desk(notebook, 7)
    desk.root.click(position={"x": 300, "y": 14})
    desk.press("End", "1")
    expect(desk.root.locator(".llmeng-session-spans li").first).to_contain_text("place")
    assert desk.text.evaluate("node => node.scrollTop > 1000"), "what was selected is not in sight"
    desk.press("Enter")
    found = ask(
        notebook,
        "(start, end, _), = long.labels['1']; (end, long.items[0].text[start:end] in ('京', '北京'))",
    )
    assert found == "(200007, True)"


def test_free_text(notebook: Notebook):
    desk = Desk(notebook, 4)
    area = desk.root.get_by_label("Your text")
    area.click()
    notebook.page.keyboard.type("2 + 2 = 4, jk u s f ? dd")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.keyboard.type("so")
    notebook.page.keyboard.press("Enter")
    expect(desk.count).to_have_text("2 of 2 · 1 labelled")
    expect(area).to_be_focused()
    expect(area).to_have_value("")
    notebook.page.keyboard.press("Enter")
    expect(desk.status).to_contain_text("A text is asked for")
    notebook.page.keyboard.press("Escape")
    desk.press("k")
    expect(area).to_have_value("2 + 2 = 4, jk u s f ? dd\nso")
    desk.press("Enter")
    expect(area).to_be_focused()


def test_ratings_of_ten_thousand(notebook: Notebook):
    desk = Desk(notebook, 5)
    expect(desk.button("4 model 0.81")).to_have_class(re.compile("llmeng-suggested"))
    desk.root.click(position={"x": 300, "y": 14})
    desk.press("Enter", "1")  # the suggestion, then another rating than the suggested
    expect(desk.count).to_have_text("3 of 10,000 · 2 labelled")
    assert "{'1': 4, '2': 1}" in ask(notebook, "stars.labels")
    size = notebook.page.evaluate("() => document.querySelectorAll('.llmeng-session')[4].innerHTML.length")
    assert size < 10_000


def test_blind(notebook: Notebook):
    secrets = ("nightly", "gpt", "baseline", "hidden-135m")
    desk = Desk(notebook, 6)
    desk.root.click(position={"x": 300, "y": 14})
    for number, key in enumerate(["a", "2", "t", "4"], 1):
        page = notebook.cell(6).locator(".jp-Cell-outputArea").inner_html().lower()
        state = notebook.page.evaluate(
            """async () => {
              const panel = jupyterapp.shell.currentWidget, cell = panel.content.widgets[6];
              return JSON.stringify(cell.model.outputs.toJSON());
            }"""
        ).lower()
        assert not [word for word in secrets if word in page + state]
        if number == 1:
            notebook.shot("people-blind")
            desk.button("Reveal the result").click()
            expect(desk.root.locator(".llmeng-outlined").last).to_have_text(
                "Reveal with 4 left? They would no longer be blind"
            )
            desk.root.click(position={"x": 300, "y": 14})
        desk.press(key)
        expect(desk.count).to_contain_text(f"{number} labelled")
    expect(desk.root.locator(".llmeng-session-result")).to_be_hidden()
    desk.root.locator(".llmeng-session-foot button").click()
    expect(desk.root.locator(".llmeng-session-result")).to_contain_text("no difference shown")
    expect(desk.root.locator(".llmeng-session-result")).to_contain_text("ties 1, both bad 1")
    notebook.cell(6).locator(".llmeng-session-foot").scroll_into_view_if_needed()
    notebook.shot("people-blind-revealed")


def test_while_a_cell_keeps_the_kernel_busy(notebook: Notebook):
    desk = Desk(notebook, 2)
    notebook.start(8)
    desk.root.click(position={"x": 300, "y": 14})
    desk.press("1")
    expect(desk.count).to_have_text("4 of 6 · 3 labelled")
    expect(notebook.cell(8).locator(".jp-InputPrompt")).to_have_text("[*]:")
    expect(notebook.cell(8).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))


def test_readable_and_named(notebook: Notebook):
    for dark in (False, True):
        notebook.theme(dark=dark)
        for index in (1, 3, 5, 6):
            root = Desk(notebook, index).root
            for place in (
                ".llmeng-session-count",
                ".llmeng-session-text",
                ".llmeng-session-answer",
                ".llmeng-session-answer[aria-pressed=true]",
                ".llmeng-session-tools button",
                "kbd",
                ".llmeng-session-spans small",
                "mark",
                ".llmeng-session-status",
                ".llmeng-session-result strong",
            ):
                for shown in root.locator(place).all()[:1]:
                    if shown.is_visible():
                        assert (ratio := contrast(shown)) >= 4.5, (
                            f"{place}, dark {dark}: contrast {ratio:.1f}"
                        )
        notebook.cell(3).scroll_into_view_if_needed()
        notebook.shot(f"people-{'dark' if dark else 'light'}")
    notebook.page.set_viewport_size({"width": 640, "height": 900})
    for index in (1, 3, 6):
        notebook.cell(index).locator(".llmeng-session-tools").scroll_into_view_if_needed()
        notebook.shot(f"people-narrow-{index}")
        assert Desk(notebook, index).root.evaluate(
            """node => node.scrollWidth <= node.clientWidth
               && node.getBoundingClientRect().right <= node.closest('.jp-OutputArea-output').getBoundingClientRect().right"""
        ), "cut off when narrow"
    notebook.page.set_viewport_size({"width": 1300, "height": 900})
    notebook.theme(dark=False)

    desk = Desk(notebook, 1)
    notebook.cell(1).scroll_into_view_if_needed()  # JupyterLab empties what is out of sight
    expect(desk.root).to_be_in_viewport()
    expect(desk.root).to_have_accessible_name("tone, ada")
    for button in desk.root.get_by_role("button").all():
        expect(button).to_have_accessible_name(re.compile(r"\w"))
    # Tab goes from the session to what is read, to the answers, and each shows that it has the focus
    desk.root.focus()
    order = []
    for _ in range(5):
        notebook.page.keyboard.press("Tab")
        order.append(notebook.page.evaluate("document.activeElement.textContent.trim().slice(0, 9)"))
        assert notebook.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert order == ["Guideline", "Go away.", "polite1p", "rude2r", "Backk"], order
    notebook.page.keyboard.press("Shift+Tab")
    notebook.page.keyboard.press("Enter")  # on a button it presses that button
    expect(desk.count).to_contain_text("4 labelled")
    expect(desk.root).to_be_focused()


def test_a_killed_kernel_loses_nothing(notebook: Notebook):
    assert notebook.errors == []
    pid = int(ask(notebook, "import os; os.getpid()"))
    desk = Desk(notebook, 1)
    desk.root.click(position={"x": 300, "y": 14})
    before = desk.count.inner_text()
    desk.press("1")
    expect(desk.count).not_to_have_text(before)
    os.kill(pid, signal.SIGKILL)
    notebook.page.locator(".jp-Dialog").get_by_role(
        "button", name="OK"
    ).click()  # it says that the kernel died
    notebook.page.wait_for_function(KERNEL_READY, timeout=60_000)
    desk.root.click(position={"x": 300, "y": 14})
    notebook.page.keyboard.press("k")
    expect(desk.status).to_contain_text("what was saved is kept", timeout=15_000)
    for index in (0, 1, 2, 6):
        notebook.run(index)
    assert "{'1': 'polite', '2': 'rude', '3': 'rude', '5': 'rude', '6': 'polite'}" in (
        said := ask(notebook, ASK)
    ), said
    expect(desk.count).to_have_text("5 labelled · 1 skipped · 1 flagged")
    desk.button("Show what is left").click()
    expect(desk.text).to_have_text("Fine.")
    expect(Desk(notebook, 2).count).to_have_text("4 of 6 · 3 labelled")
    expect(Desk(notebook, 6).root.locator(".llmeng-session-result")).to_contain_text("no difference shown")


def test_the_reopened_notebook(notebook: Notebook, lab: Lab):
    disk = notebook.save()
    widget, copy = (output["data"] for output in disk["cells"][1]["outputs"])
    assert "".join(widget["text/html"]) == ""
    assert "5 of 6 labelled" in "".join(copy["text/html"])
    assert notebook.cell(1).locator(".llmeng-session-static").is_hidden(), "both copies are shown"
    notebook.page.close()
    (lab.root / "again.ipynb").write_text(json.dumps(disk))
    again = lab.open("again.ipynb")
    twin = again.cell(1).locator(".llmeng-session-static")
    expect(twin).to_be_visible()
    expect(twin).to_contain_text("polite")
    again.shot("people-reopened")
    again.run(0)
    again.run(1)
    expect(again.cell(1).locator(".llmeng-session")).to_be_visible()
    expect(twin).to_be_hidden()
    assert lab.external == []
