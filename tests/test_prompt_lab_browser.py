"The prompt lab in JupyterLab, from typing to saving, with the local model: keys, errors, stop, themes, the copy."

from __future__ import annotations

import re

import pytest
from browser import Lab, Notebook, contrast, wait_until
from playwright.sync_api import expect

HOSTILE = "<img src=x onerror='window.hit = 1'> **b** <script>window.hit = 2</script>"
SETUP = f"""
import llmeng as le
from llmeng.models.scripted import Scripted
from llmeng.prompts import Prompt
from llmeng.widgets import Compare, PromptLab

HOSTILE = {HOSTILE!r}
samples = [
    dict(id="1", input={{"text": "I loved it.", "n": 2}}, target="Hostile"),
    dict(id="2", input={{"text": "It broke at once.", "n": 3}}, target="none"),
    dict(id="3", input={{"text": "Fine.", "n": 1}}, target="Hostile"),
]
talker = Scripted("talker", answers="one two three four five six seven eight nine ten " * 4, delay_s=0.05)
hostile = Scripted("hostile", answers=lambda messages, options: "Hostile" if "LOUD" in messages[-1].text else HOSTILE)
"""
REAL = 'lab = PromptLab(models=le.get_model(), library="shelf", title="A first prompt")\nlab'
TYPED = """
bench = PromptLab(Prompt("Say {{ n }} words of {{ text }}", inputs={"n": int}, name="words"), models=[hostile, talker],
                  samples=samples, scorer="exact_match", library="shelf")
bench
""".strip()
SIDES = """
sides = Compare(hostile, talker, ["What is it?"])
sides
""".strip()
BLIND = """
blind = Compare(Scripted("secret-9b", answers="I, secret-9b, say yes."), Scripted("other-1b", answers="No."),
                ["Is it late?", "Is it far?", "Is it you?"], blind=True)
blind
""".strip()
ASK = "print(lab.text)"
BUSY = "import time\n\ntime.sleep(4)"
CELLS = [("code", source.strip()) for source in (SETUP, REAL, TYPED, ASK, BUSY, SIDES, BLIND)]


class Bench:
    "The lab in a cell's output."

    def __init__(self, notebook: Notebook, index: int):
        self.page = notebook.page
        self.root = notebook.cell(index).locator(".llmeng-lab")
        self.template = self.root.get_by_label("Template", exact=True)
        self.problem = self.root.locator(".llmeng-lab-problem")
        self.size = self.root.locator(".llmeng-lab-size")
        self.version = self.root.locator(".llmeng-lab-version")
        self.status = self.root.locator(".llmeng-lab-status")
        self.lanes = self.root.locator(".llmeng-lab-lane")
        self.scores = self.root.locator(".llmeng-lab-scores")

    def input(self, name: str):
        return (
            self.root.locator(".llmeng-lab-field")
            .filter(has_text=re.compile(rf"^{name}"))
            .locator(".llmeng-lab-value")
        )

    def button(self, name: str):
        return self.root.get_by_role("button", name=re.compile(name))


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    notebook = lab.open("prompts.ipynb", CELLS)
    for index in range(3):
        notebook.run(index)
    return notebook


def ask(notebook: Notebook, code: str) -> str:
    "What the kernel says."
    notebook.cell(3).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.insert_text(code)
    return notebook.run(3).locator(".jp-OutputArea-output").last.inner_text().strip()


def test_from_typing_to_saving(notebook: Notebook, lab: Lab):
    bench = Bench(notebook, 1)
    keyboard = notebook.page.keyboard
    expect(bench.root.locator(".llmeng-lab-none")).to_be_visible()
    bench.template.click()
    keyboard.type("Shorten this: {{ text ")
    expect(bench.problem).to_contain_text("Line 1")  # it is not finished yet, and says so at its place
    expect(bench.root.locator(".llmeng-lab-wrong")).to_have_text("Shorten this: {{ text ")
    notebook.shot("prompt-lab-problem")
    keyboard.type("}}")
    expect(bench.problem).to_be_hidden()
    expect(bench.input("text")).to_be_visible()
    expect(bench.size).to_have_text(
        re.compile(r"^\d+ tokens$"), timeout=30_000
    )  # in the model's own tokeniser
    before = int(bench.size.inner_text().split()[0])

    # an input that is missing is asked for, and nothing is lost
    keyboard.press("Control+Enter")
    expect(bench.status).to_have_text("Fill in text.")
    expect(bench.input("text")).to_be_focused()
    keyboard.type("A cat sat on the mat for a while.")
    expect(bench.size).not_to_have_text(f"{before} tokens")
    assert int(bench.size.inner_text().split()[0]) > before

    keyboard.press("Control+Enter")
    expect(bench.lanes).to_have_attribute("data-state", "done", timeout=60_000)
    expect(bench.lanes.locator(".llmeng-lab-text")).not_to_be_empty()
    expect(bench.lanes.locator(".llmeng-lab-took")).to_contain_text("tokens")
    expect(bench.version).to_have_text("start")
    notebook.shot("prompt-lab-first")

    # another version, beside the first
    bench.template.click()
    keyboard.press("Control+End")
    keyboard.type(" In three words.")
    expect(bench.version).to_have_text("draft")
    bench.root.get_by_label("start", exact=True).check()
    keyboard.press("Control+Enter")
    expect(bench.lanes).to_have_count(2)
    for lane in (bench.lanes.nth(0), bench.lanes.nth(1)):
        expect(lane).to_have_attribute("data-state", "done", timeout=60_000)
    expect(bench.lanes.nth(0).locator("strong")).to_have_text("edit 1")
    expect(bench.root.locator(".llmeng-lab-foot")).to_contain_text("3 calls")
    bench.root.get_by_text("Changes", exact=True).click()
    expect(bench.root.locator(".llmeng-lab-folded").first).to_contain_text("In three words.")
    bench.root.get_by_text("As it is sent").click()
    expect(bench.root.locator(".llmeng-lab-folded").last).to_contain_text("A cat sat on the mat")
    notebook.shot("prompt-lab-beside")

    # saved, and read back from the file
    bench.button("Save the version").click()
    expect(bench.root.get_by_label("Name")).to_be_focused()
    keyboard.type("short")
    keyboard.press("Tab")
    keyboard.type("candidate")
    notebook.shot("prompt-lab-save")
    keyboard.press("Enter")
    expect(bench.status).to_contain_text("Saved as short@candidate")
    wait_until((lab.root / "shelf/short.prompt.md").exists, "the file was not written")
    said = ask(
        notebook, 'p = lab.library["short@candidate"]; print(p.template, p.version == lab.prompt.version)'
    )
    assert said == "Shorten this: {{ text }} In three words. True"


def test_scores_on_the_same_samples(notebook: Notebook):
    bench = Bench(notebook, 2)
    keyboard = notebook.page.keyboard
    bench.root.get_by_label("scripted/talker", exact=True).uncheck()
    bench.template.click()
    keyboard.press("Control+Shift+Enter")
    expect(bench.scores).to_contain_text("n=3", timeout=20_000)
    keyboard.press("Control+End")
    keyboard.type(" LOUD")
    bench.button("Score").click()
    expect(bench.scores.locator("tbody tr")).to_have_count(3, timeout=20_000)  # two, and the axis
    expect(bench.scores).to_contain_text("against start")

    # Alt and an arrow: the samples' inputs, typed
    bench.template.click()
    keyboard.press("Alt+ArrowDown")
    expect(bench.input("text")).to_have_value("I loved it.")
    keyboard.press("Alt+ArrowUp")
    expect(bench.input("text")).to_have_value("Fine.")
    expect(bench.input("n")).to_have_value("1")
    bench.input("n").fill("many")
    expect(bench.root.locator(".llmeng-lab-wrong-value").first).to_contain_text("must be int, got 'many'")
    keyboard.press("Control+Enter")
    expect(bench.status).to_contain_text("must be int")
    bench.input("n").fill("2")

    # what a model says is text; Escape keeps what came
    bench.root.get_by_label("scripted/talker", exact=True).check()
    bench.button("Go back to start").click()
    expect(bench.template).to_have_value("Say {{ n }} words of {{ text }}")
    expect(bench.template).to_be_focused()
    keyboard.press("Control+Enter")
    talker = bench.lanes.filter(has_text="scripted/talker")
    expect(talker.locator(".llmeng-lab-text")).to_contain_text("three")
    keyboard.press("Escape")
    expect(talker).to_have_attribute("data-state", "stopped")
    assert talker.locator(".llmeng-lab-text").inner_text().startswith("one two three")
    spoken = bench.lanes.filter(has_text="scripted/hostile").locator(".llmeng-lab-text")
    expect(spoken).to_have_text(HOSTILE)
    assert notebook.page.evaluate("window.hit") is None and spoken.locator("img, script, strong").count() == 0
    notebook.shot("prompt-lab-scores")


def test_keys_stay_in_the_lab(notebook: Notebook):
    bench = Bench(notebook, 2)
    cells = "() => jupyterapp.shell.currentWidget.content.widgets.map(w => [w.model.type, w.model.id, w.model.executionCount])"
    before = notebook.page.evaluate(cells)
    bench.button("Run the prompt").focus()
    for key in ("a", "b", "d", "d", "x", "m", "z", "Shift+M", "ArrowUp", "i", "i", "0", "0"):
        notebook.page.keyboard.press(key)
    bench.template.click()
    notebook.page.keyboard.press("Shift+Enter")
    assert notebook.page.evaluate(cells) == before, "a shortcut reached the notebook"
    bench.template.press("Control+z")


def test_python_and_the_page_hold_the_same(notebook: Notebook):
    bench = Bench(notebook, 1)
    ask(
        notebook,
        'lab.edit("system:\\nBe {{ tone }}.\\n\\nuser:\\n{{ text }}"); lab.inputs["tone"] = "dry"; print("done")',
    )
    expect(bench.template).to_have_value("system:\nBe {{ tone }}.\n\nuser:\n{{ text }}")
    expect(bench.input("tone")).to_have_value("dry")
    expect(bench.input("text")).to_have_value("A cat sat on the mat for a while.")  # it was there before
    expect(bench.root.locator(".llmeng-lab-role")).to_have_count(2)

    # typed while a cell keeps the kernel busy: nothing is lost
    notebook.start(4)
    bench.template.click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type(" Now.")
    expect(bench.version).to_have_text("draft", timeout=3500)
    expect(notebook.cell(4).locator(".jp-InputPrompt")).to_have_text("[*]:")
    expect(notebook.cell(4).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
    assert ask(notebook, "print(lab.text)").endswith("{{ text }} Now.")


class Pair:
    "The comparison in a cell's output."

    def __init__(self, notebook: Notebook, index: int):
        self.root = notebook.cell(index).locator(".llmeng-compare")
        self.panes = self.root.locator(".llmeng-compare-pane")
        self.count = self.root.locator(".llmeng-compare-count")
        self.status = self.root.locator(".llmeng-compare-status")
        self.result = self.root.locator(".llmeng-compare-result")


def test_two_apps_side_by_side(notebook: Notebook):
    notebook.run(5)
    pair = Pair(notebook, 5)
    keyboard = notebook.page.keyboard
    expect(pair.panes).to_have_count(2)
    pair.root.focus()
    keyboard.press("r")
    expect(pair.panes.nth(1).locator(".llmeng-compare-text")).to_contain_text("three")
    keyboard.press("Escape")
    expect(pair.panes.nth(1)).to_have_attribute("data-state", "stopped")
    expect(pair.panes.nth(0).locator(".llmeng-compare-text")).to_have_text(HOSTILE)
    assert (
        pair.panes.nth(0).locator("img, script, strong").count() == 0
        and notebook.page.evaluate("window.hit") is None
    )
    keyboard.press("n")
    keyboard.type("LOUD, jk?")
    keyboard.press("Control+Enter")
    expect(pair.count).to_have_text("2 of 2")
    expect(pair.panes.nth(0).locator(".llmeng-compare-text")).to_have_text("Hostile")
    expect(pair.root.get_by_label("Another input")).to_have_value("")
    pair.root.get_by_role("button", name="Stop").click()
    expect(pair.panes.nth(1)).to_have_attribute("data-state", "stopped")
    notebook.shot("compare-open")


def test_blind_votes(notebook: Notebook):
    notebook.run(6)
    pair = Pair(notebook, 6)
    secrets = ("secret-9b", "other-1b", "scripted", "tokens")
    pair.root.get_by_role("button", name="Ask all").click()
    expect(pair.panes.nth(0)).to_have_attribute("data-state", "done")
    for number, key in enumerate(("1", "b", "t"), 1):
        page = notebook.output(6).inner_html().lower()
        outputs = notebook.page.evaluate(
            "() => JSON.stringify(jupyterapp.shell.currentWidget.content.widgets[6].model.outputs.toJSON())"
        ).lower()
        assert not [word for word in secrets if word in page + outputs]
        if number == 1:
            notebook.shot("compare-blind")
        notebook.page.keyboard.press(key)
        expect(pair.count).to_contain_text(f"{number} voted")
        expect(pair.root).not_to_have_attribute("aria-busy", "true")
    pair.root.get_by_role("button", name="Reveal the names").click()
    expect(pair.result).to_contain_text("no difference shown")
    expect(pair.result).to_contain_text("scripted/secret-9b")
    notebook.shot("compare-revealed")


def test_both_themes_are_readable_and_a_narrow_pane_too(notebook: Notebook):
    bench = Bench(notebook, 2)
    for dark in (True, False):
        notebook.theme(dark=dark)
        bench.root.scroll_into_view_if_needed()
        for part in (
            bench.template,
            bench.status,
            bench.lanes.first.locator(".llmeng-lab-text"),
            bench.size,
            bench.lanes.first.locator(".llmeng-lab-took"),
            bench.scores.locator("td").nth(1),
        ):
            assert contrast(part) > 4.5
        if dark:
            notebook.shot("prompt-lab-dark")
        pair = Pair(notebook, 6)
        pair.root.scroll_into_view_if_needed()
        for part in (
            pair.panes.first.locator(".llmeng-compare-text"),
            pair.count,
            pair.panes.first.locator(".llmeng-note"),
        ):
            assert contrast(part) > 4.5
        if dark:
            notebook.shot("compare-dark")
    notebook.page.set_viewport_size({"width": 620, "height": 1100})
    bench.root.scroll_into_view_if_needed()
    notebook.page.wait_for_timeout(200)
    assert bench.root.evaluate("node => node.scrollWidth <= node.clientWidth + 1"), (
        "it is wider than its pane"
    )
    notebook.shot("prompt-lab-narrow")
    pair.root.scroll_into_view_if_needed()
    assert pair.root.evaluate("node => node.scrollWidth <= node.clientWidth + 1"), "it is wider than its pane"
    notebook.shot("compare-narrow")
    notebook.page.set_viewport_size({"width": 1300, "height": 900})


def test_a_reopened_notebook_shows_the_copy(lab: Lab, notebook: Notebook):
    notebook.save()
    errors = [error for error in notebook.errors if "lab" in error.lower()]
    # a kernel that lives would bring the widget back
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    again = lab.open("prompts.ipynb", kernel=False)
    static = again.cell(2).locator(".llmeng-lab-static")
    expect(static).to_be_visible()
    expect(static).to_contain_text("Say {{ n }} words of {{ text }}")
    expect(static).to_contain_text("one two three")
    expect(static).to_contain_text("against start")
    expect(again.cell(6).locator(".llmeng-compare-static")).to_contain_text("I, secret-9b, say yes.")
    assert static.locator("img, script").count() == 0 and again.page.evaluate("window.hit") is None
    again.shot("prompt-lab-reopened")
    assert not errors
    assert not lab.external
