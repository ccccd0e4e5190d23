"The chat in JupyterLab: keyboard, mouse, stop, edit, errors, saving, the reopened notebook; and the extension."

from __future__ import annotations

import json
import re

import pytest
from browser import KERNEL_READY, Lab, Notebook, contrast, lengths, wait_until, write_notebook
from playwright.sync_api import expect

SETUP = """
from llmeng.errors import ConnectionFailed
from llmeng.models.scripted import Scripted
from llmeng.widgets import Chat

LONG = "Here is **bold**, `code`, and a list:\\n\\n- one\\n- two\\n\\n```python\\nx = 1  # a comment\\n```\\n\\n" + "word " * 300
"""
SLOW = 'slow = Chat(Scripted(answers=LONG, delay_s=0.02), title="Slow chat")\nslow'
ECHO = 'echo = Chat(Scripted("echo", cost_usd=0.001), title="Echo chat")\necho'
FAILING = """
failing = Chat(Scripted(answers=[ConnectionFailed("Nobody answers at <port 1>. Start the server."), "Here I am."]))
failing
"""
BROKEN = 'Chat(lambda text: {}[text], title="An app with a bug")'
CELLS = [
    ("code", SETUP.strip()),
    ("code", SLOW),
    ("code", ECHO),
    ("code", FAILING.strip()),
    ("code", BROKEN),
    ("code", "%%llm\nWhat is **this**?"),
    ("code", "import time\n\ntime.sleep(2.5)"),
    ("code", 'real = Chat(system="Answer in plain sentences.", temperature=0, max_tokens=300)\nreal'),
]
N_CELLS = len(CELLS)


class Box:
    "The chat in a cell's output."

    def __init__(self, notebook: Notebook, index: int):
        self.page = notebook.page
        self.root = notebook.cell(index).locator(".llmeng-chat")
        self.input = self.root.get_by_label("Message", exact=True)
        self.turns = self.root.locator(".llmeng-chat-turn")
        self.answer = self.root.locator(".llmeng-answer").last
        self.status = self.root.locator(".llmeng-chat-status").first

    def button(self, name: str):
        return self.root.get_by_role("button", name=name)

    def say(self, text: str) -> None:
        self.input.click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def is_done(self, n_turns: int) -> None:
        expect(self.turns).to_have_count(n_turns)
        expect(self.turns.last).to_have_attribute("aria-busy", "false")


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Notebook:
    notebook = lab.open("chat.ipynb", CELLS)
    for index in range(5):
        notebook.run(index)
    return notebook


def test_an_answer_grows_and_stops(notebook: Notebook):
    box = Box(notebook, 1)
    box.input.click()
    # letters that are shortcuts in command mode, one of them twice: a (above), b (below), dd (delete), x (cut)
    notebook.page.keyboard.type("a b dd x")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.keyboard.type("second line")
    expect(box.input).to_have_value("a b dd x\nsecond line")
    notebook.page.keyboard.press("Enter")
    expect(box.turns).to_have_count(1)
    seen = lengths(box.answer, until=lambda: len(box.answer.inner_text()) > 200)
    assert len(seen) >= 4 and seen == sorted(seen), f"the answer did not grow in steps: {seen}"
    expect(box.button("Stop the answer")).to_be_visible()
    notebook.shot("chat-streaming")

    notebook.page.keyboard.press("Escape")
    box.is_done(1)
    kept = box.answer.inner_text()
    assert 200 < len(kept) < 1500
    expect(box.turns.last.locator(".llmeng-note")).to_contain_text("stopped")
    expect(box.answer.locator("strong")).to_have_text("bold")
    expect(box.turns.last.locator(".llmeng-said")).to_have_text("a b dd x\nsecond line")
    expect(box.input).to_be_focused()
    expect(box.input).to_have_value("")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == N_CELLS, (
        "a shortcut reached the notebook"
    )

    # by mouse, and while a cell keeps the kernel busy
    notebook.start(6)
    box.input.fill("again")
    box.button("Send the message").click()
    expect(box.turns).to_have_count(2)
    expect(box.answer).to_contain_text("word")
    box.button("Stop the answer").click()
    box.is_done(2)
    expect(box.turns.last.locator(".llmeng-note")).to_contain_text("stopped")
    expect(notebook.cell(6).locator(".jp-InputPrompt")).to_have_text("[*]:")
    expect(notebook.cell(6).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))


def test_edit_undo_clear(notebook: Notebook):
    box = Box(notebook, 2)
    for number, text in enumerate(["one", "two <b>", "three"], 1):
        box.say(text)
        box.is_done(number)
    expect(box.root.locator(".llmeng-chat-foot")).to_contain_text("3 calls")
    expect(box.root.locator(".llmeng-chat-foot")).to_contain_text("$0.003")
    assert box.root.locator(".llmeng-answer b, .llmeng-said b").count() == 0, "text became HTML"

    box.button("Edit message 2").click()
    editor = box.root.get_by_label("Edit the message")
    expect(editor).to_be_focused()
    expect(box.turns.nth(1)).to_contain_text("Drops the turn below")
    notebook.shot("chat-edit")
    notebook.page.keyboard.press("Escape")
    expect(editor).to_have_count(0)
    box.button("Edit message 2").click()
    editor.fill("zwei")
    notebook.page.keyboard.press("Enter")
    box.is_done(2)
    expect(box.answer).to_have_text("zwei")
    expect(box.input).to_be_focused()

    box.button("Bring the dropped turns back").click()
    box.is_done(3)
    expect(box.answer).to_have_text("three")
    box.button("Clear the conversation").click()
    expect(box.turns).to_have_count(0)
    box.button("Bring the dropped turns back").click()
    box.is_done(3)
    assert "echo.turns" not in notebook.cell(6).inner_text()


def test_errors_are_rows(notebook: Notebook):
    box = Box(notebook, 3)
    box.say("Is anybody there?")
    box.is_done(1)
    expect(box.root.locator(".llmeng-error")).to_contain_text("Nobody answers at <port 1>. Start the server.")
    expect(box.turns.locator(".llmeng-said")).to_have_text("Is anybody there?")
    notebook.shot("chat-error")
    box.button("Ask again").click()
    expect(box.answer).to_have_text("Here I am.")
    expect(box.root.locator(".llmeng-error")).to_have_count(0)

    bug = Box(notebook, 4)
    bug.say("place")
    expect(bug.root.locator(".llmeng-error")).to_contain_text("KeyError: 'place'")
    bug.root.get_by_text("Traceback").first.click()
    expect(bug.root.locator(".llmeng-error pre")).to_contain_text("Traceback (most recent call last)")
    bug.say(" ")
    expect(bug.turns).to_have_count(1)


def test_saved_as_markdown_and_as_cells(notebook: Notebook):
    box = Box(notebook, 2)
    box.button("Save the conversation").click()
    expect(box.status).to_have_text("Saved as echo-chat.md")
    folder = notebook.path.parent
    assert "**You**\n\none" in (folder / "echo-chat.md").read_text()

    # without the extension the cells become a file
    notebook.page.evaluate(
        "() => window.addEventListener('llmeng:insert-cells', e => e.stopPropagation(), {capture: true, once: true})"
    )
    box.button("Insert the conversation as cells").click()
    expect(box.status).to_have_text("Saved as echo-chat.ipynb")
    saved = json.loads((folder / "echo-chat.ipynb").read_text())
    assert saved["cells"][2]["source"] == "%%llm scripted/echo --chat echo-chat\none"

    box.button("Insert the conversation as cells").click()
    expect(box.status).to_have_text("7 cells inserted below")
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(N_CELLS + 7)
    expect(notebook.cell(4).locator(".cm-content")).to_have_text(
        re.compile("%%llm scripted/echo --chat echo-chat.*one")
    )
    assert notebook.cell(4).locator(".jp-InputPrompt").inner_text().strip() == "[ ]:", "a cell was run"
    notebook.command("notebook:undo-cell-action")  # one step
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(N_CELLS)
    box.input.click()
    before = notebook.path.stat().st_mtime_ns
    notebook.page.keyboard.press("Control+s")  # the one shortcut that goes through
    wait_until(
        lambda: notebook.path.stat().st_mtime_ns != before, "Ctrl+S in the chat did not save the notebook"
    )


def test_a_cell_talks_and_the_button_stops(notebook: Notebook):
    box = Box(notebook, 1)
    notebook.cell(6).locator(".cm-content").click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type('len(slow.send("from a cell").text), slow.turns[-1].state')
    notebook.start(6)
    expect(box.turns.last).to_contain_text("from a cell")
    lengths(box.answer, until=lambda: len(box.answer.inner_text()) > 80)
    box.button("Stop the answer").click()
    expect(notebook.output(6)).to_contain_text("'stopped')", timeout=10_000)
    box.is_done(3)
    expect(box.turns.last).to_have_attribute("data-state", "stopped")


def test_the_local_model(notebook: Notebook):
    notebook.run(7)
    box = Box(notebook, 7)
    box.say("Name three colours of the rainbow.")
    expect(box.answer).not_to_be_empty(timeout=30_000)
    lengths(box.answer, until=lambda: box.turns.last.get_attribute("aria-busy") == "false")
    expect(box.turns.last).to_have_attribute("data-state", "done")
    expect(box.turns.last.locator(".llmeng-note")).to_contain_text(re.compile(r"local/.* → \d+ tokens"))
    expect(box.root.locator(".llmeng-chat-foot")).to_contain_text(re.compile(r"1 call · \d+ → \d+ tokens"))
    box.say("Write a long story about a lighthouse.")
    expect(box.turns).to_have_count(2)
    seen = lengths(box.answer, until=lambda: len(box.answer.inner_text()) > 120)
    assert len(seen) >= 3, f"the answer did not grow in steps: {seen}"
    notebook.page.keyboard.press("Escape")
    box.is_done(2)
    expect(box.turns.last).to_have_attribute("data-state", "stopped")
    notebook.shot("chat-local-model")


def test_prompt_cells_are_coloured(notebook: Notebook):
    def is_bold(word: str) -> bool:
        place = notebook.cell(5).locator(".cm-line span").filter(has_text=word).first
        return place.count() > 0 and int(place.evaluate("node => getComputedStyle(node).fontWeight")) >= 600

    def mime() -> str:
        return notebook.page.evaluate(
            "() => jupyterapp.shell.currentWidget.content.widgets[5].model.mimeType"
        )

    assert is_bold("this")
    editor = notebook.cell(5).locator(".cm-content")
    editor.click()
    notebook.page.keyboard.press("Control+Home")
    notebook.page.keyboard.type("# ")  # no prompt any more
    assert mime() == "text/x-ipython"
    notebook.page.keyboard.press("Backspace")
    notebook.page.keyboard.press("Backspace")
    assert mime() == "text/x-ipythongfm"
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("m")  # to Markdown and back again
    notebook.page.keyboard.press("y")
    assert mime() == "text/x-ipythongfm"
    expect(notebook.cell(5).locator(".cm-line span").filter(has_text="this").first).to_be_visible()
    assert is_bold("this")
    notebook.page.keyboard.press("b")  # a new cell
    notebook.page.keyboard.press("Enter")
    notebook.page.keyboard.type("%%le\n**new**")
    expect(notebook.cell(6).locator(".cm-line span").filter(has_text="new").first).to_be_visible()
    notebook.command("notebook:delete-cell")
    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(N_CELLS)


def test_readable_in_light_and_dark_wide_and_narrow(notebook: Notebook):
    assert_readable(notebook)
    notebook.cell(1).scroll_into_view_if_needed()
    notebook.theme(dark=True)
    notebook.shot("chat-dark")
    assert_readable(notebook)
    notebook.cell(4).scroll_into_view_if_needed()
    notebook.shot("chat-dark-error")
    notebook.page.set_viewport_size({"width": 640, "height": 800})
    notebook.shot("chat-narrow")
    root = Box(notebook, 4).root
    assert root.evaluate(
        """node => node.scrollWidth <= node.clientWidth
           && node.getBoundingClientRect().right <= node.closest('.jp-OutputArea-output').getBoundingClientRect().right"""
    ), "the chat is cut off when narrow"
    notebook.page.set_viewport_size({"width": 1300, "height": 900})
    notebook.theme(dark=False)


def assert_readable(notebook: Notebook) -> None:
    for index, place in [
        (1, ".llmeng-said"),
        (1, ".llmeng-answer p"),
        (1, ".llmeng-note"),
        (1, ".llmeng-chat-foot span"),
        (1, ".llmeng-send"),
        (1, ".llmeng-edit"),
        (4, ".llmeng-error"),
        (4, ".llmeng-error summary"),
    ]:
        ratio = contrast(notebook.cell(index).locator(".llmeng-chat").locator(place).first)
        assert ratio >= 4.5, f"{place}: contrast {ratio:.1f}"


def test_names_for_those_who_cannot_see(notebook: Notebook):
    for index in (1, 2, 3):
        for button in Box(notebook, index).root.get_by_role("button").all():
            assert button.get_attribute("aria-label")
    log = Box(notebook, 1).root.get_by_role("log")
    assert log.get_attribute("aria-live") == "polite"
    expect(log).to_have_accessible_name("Conversation")
    # Tab goes from the message to the button, and what has the focus shows it
    box = Box(notebook, 1)
    box.input.click()
    notebook.page.keyboard.press("Tab")
    expect(box.button("Send the message")).to_be_focused()
    assert box.button("Send the message").evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


def test_the_kernel_is_gone(notebook: Notebook):
    disk = notebook.save()
    widget, copy = (output["data"] for output in disk["cells"][1]["outputs"])
    assert "".join(widget["text/html"]) == "", "a page without widgets would show more than the copy"
    assert "llmeng-chat-static" in "".join(copy["text/html"])
    assert notebook.cell(1).locator(".llmeng-chat-static").is_hidden(), "both copies are shown"
    assert notebook.errors == []
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.shutdown()")
    box = Box(notebook, 2)
    box.say("anybody?")
    expect(box.status).to_contain_text("run this cell again", timeout=8000)
    expect(box.input).to_have_value("anybody?")
    expect(box.turns).to_have_count(3)


def test_the_reopened_notebook(notebook: Notebook, chromium, lab: Lab, tmp_path):
    notebook.page.close()
    with Lab(chromium, tmp_path, root=lab.root, state=lab.state) as fresh:
        again = fresh.open("chat.ipynb", kernel=False)
        twin = again.cell(1).locator(".llmeng-chat-static")
        expect(twin).to_be_visible()
        expect(twin.locator(".llmeng-said").first).to_have_text("a b dd x\nsecond line")
        expect(twin.locator(".llmeng-answer strong").first).to_have_text("bold")
        broken = again.page.get_by_text("Error displaying widget")
        expect(broken).not_to_have_count(0)  # it is there, and nobody sees it
        expect(broken.filter(visible=True)).to_have_count(0)
        expect(again.cell(4).locator(".llmeng-error")).to_contain_text("KeyError")
        again.shot("chat-reopened")
        again.theme(dark=True)
        again.shot("chat-reopened-dark")
        assert contrast(twin.locator(".llmeng-said").first) >= 4.5
        again.theme(dark=False)

        # the chat begins anew where its cell is run again: the widget takes the copy's place
        again.page.wait_for_function(KERNEL_READY)
        again.run(0)
        again.run(2)
        expect(again.cell(2).locator(".llmeng-chat")).to_be_visible()
        expect(again.cell(2).locator(".llmeng-chat-static")).to_be_hidden()

        # the Launcher
        again.command("launcher:create")
        card = again.page.locator('.jp-LauncherCard[title^="Open the home notebook"]')
        expect(card).to_be_visible()
        expect(card).to_contain_text("LLM engineering")
        again.shot("launcher")
        write_notebook(lab.root / "nbs" / "index.ipynb", [("markdown", "# llmeng")])
        write_notebook(lab.root / "index.ipynb", [("markdown", "# somebody else's")])
        card.click()
        expect(again.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h1")).to_have_text(
            re.compile("llmeng")
        )
        assert fresh.external == []


def test_a_stranger_reads_it_too(notebook: Notebook, lab: Lab, tmp_path, chromium):
    "On a machine that does not trust the notebook style sheets are stripped; it is readable nevertheless."
    copy = json.loads((lab.root / "chat.ipynb").read_text())
    copy["metadata"]["from"] = "elsewhere"  # what is trusted is the content as it was
    (lab.root / "copy.ipynb").write_text(json.dumps(copy))
    page = lab.open("copy.ipynb", kernel=False)
    output = page.output(1).locator(".jp-RenderedHTML").last
    expect(output).not_to_have_class(re.compile("jp-mod-trusted"))
    expect(output.locator(".llmeng-said").first).to_have_text("a b dd x\nsecond line")
    expect(output.locator("li").first).to_have_text("one")
    page.shot("chat-untrusted")


def test_nothing_was_loaded_from_elsewhere(notebook: Notebook, lab: Lab):
    assert lab.external == []
