"The magics in a real kernel, in papermill and in a terminal: what a notebook saves, and how it fails."

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kernel import Kernel, run_papermill

SETUP = """
%load_ext llmeng
from llmeng.models.scripted import Scripted
echo = Scripted()
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    started = Kernel(tmp_path_factory.mktemp("kernel"))
    assert started.run(SETUP)["status"] == "ok"
    assert started.outputs == []
    yield started
    started.stop()


def test_a_cell_streams_and_leaves_one_result(kernel):
    kernel.run("slow = Scripted(answers='one two three **four** five six seven', delay_s=0.06)")
    assert kernel.run("%%llm slow\ncount")["status"] == "ok"
    texts = [update["text/plain"] for update in kernel.updates]
    assert len(texts) >= 3 and texts == sorted(texts, key=len)
    assert all("text/markdown" not in update for update in kernel.updates)
    (output,) = kernel.outputs
    assert output["type"] == "execute_result"
    assert "<strong>four</strong>" in output["data"]["text/html"]
    assert output["data"]["text/plain"].startswith("Completion('one two")
    assert kernel.value("_.text") == "one two three **four** five six seven"


def test_a_warning_survives_the_clearing(kernel):
    kernel.run(
        "import warnings\ndef warn(messages, options):\n    warnings.warn('disk full')\n    return 'answer'\n"
        "warner = Scripted(answers=warn)"
    )
    kernel.run("%%llm warner\nx")
    warning, result = kernel.outputs
    assert "disk full" in warning["text"] and result["type"] == "execute_result"


def test_hostile_text_stays_text(kernel):
    kernel.run("hostile = Scripted(answers='<img src=x onerror=alert(1)> ![a](https://a.b/c.png)')")
    kernel.run("%%llm hostile\nx")
    for data in [*kernel.updates, kernel.outputs[0]["data"]]:
        assert "<img" not in data.get("text/html", "")


@pytest.mark.parametrize(
    "format, piece", [("text", "**bold**"), ("code", "<pre><code>"), ("markdown", "<strong>bold")]
)
def test_format(kernel, format, piece):
    kernel.run(f"%%llm echo --format {format}\n**bold**")
    assert piece in kernel.outputs[0]["data"]["text/html"]
    assert kernel.value("_.text") == "**bold**"


def test_the_cell_is_sent_as_it_stands(kernel):
    text = '{"a": {"b": [1]}} \\frac{a}{b} 100 % {% if x %} {# no #} $HOME {name} }} 漢字 🙂\n  indented'
    kernel.run("name = 'never'\nsecret = 'hidden'\nstranger = '{{ secret }}'\nHOME = 1\n")
    kernel.run(f"%%llm echo --to said\n{text}\n{{{{ stranger }}}}")
    assert kernel.value("said.text") == f"{text}\n{{{{ secret }}}}"
    kernel.run("%%llm echo --to said --raw\n{{ stranger }}")
    assert kernel.value("said.text") == "{{ stranger }}"


def test_options_may_name_variables(kernel):
    kernel.run("chosen, limit, role = 'scripted/echo', 2, 'a {{ secret }}'")
    kernel.run("%%llm {{ chosen }} -n {{ limit }} -s 'You are {{ role }}.' --dry-run\none two three")
    shown = kernel.outputs[0]["data"]["text/plain"]
    assert "max_tokens: 2" in shown and "You are a {{ secret }}." in shown and "scripted/echo" in shown


def test_running_a_cell_again_replaces_its_turn(kernel):
    kernel.run("memory = Scripted(answers=lambda messages, options: f'{len(messages)} messages')")
    for cell in ("a", "b", "c"):
        kernel.run(f"%%llm memory --chat talk\nquestion {cell}", cell_id=cell)
    kernel.run("%%llm memory --chat talk\nquestion b, edited", cell_id="b")
    assert "1 turn that came after this one dropped" in kernel.outputs[0]["data"]["text/html"]
    kernel.run("%llm show talk")
    shown = kernel.outputs[0]["data"]["text/plain"]
    assert "question b, edited" in shown and "question c" not in shown and shown.startswith("talk: 2 turns")
    kernel.run("%%llm memory --chat talk\nquestion c", cell_id="c")
    assert kernel.value("_.text") == "5 messages"
    # clients without cells never run one again: the same words are a new turn
    for _ in range(2):
        kernel.run("%%llm memory --chat other\nGo on.")
    assert kernel.value("_.text") == "3 messages"


def test_interrupt_keeps_the_partial_answer(kernel):
    kernel.run("endless = Scripted(answers='word ' * 1000, delay_s=0.02)\nlater = 0")
    sent = []

    def stop(data):
        if len(data["text/plain"]) > 20 and not sent:
            sent.append(True)
            kernel.manager.interrupt_kernel()

    reply = kernel.run("%%llm endless --to kept\ngo", on_update=stop)
    assert reply["status"] == "error" and reply["ename"] == "Interrupted"
    shown, error = kernel.outputs
    assert shown["type"] == "display_data" and "interrupted" in shown["data"]["text/html"]
    assert len(error["traceback"]) < 4
    assert kernel.value("_.text == kept.text and kept.finish_reason") == "interrupted"
    assert 20 < kernel.value("len(kept.text)") < 5000


def test_interrupt_of_a_loop_keeps_what_is_done(kernel):
    kernel.run(
        "import asyncio\n"
        "async def answer(messages, options):\n"
        "    await asyncio.sleep(0.01 if 'fast' in messages[-1].text else 60)\n"
        "    return 'done'\n"
        "uneven = Scripted(answers=answer)\nspeeds = ['fast', 'fast', 'slow', 'slow']"
    )
    request = kernel.send("%%llm uneven --for speed in speeds --to kept\n{{ speed }}")
    time.sleep(1.5)
    kernel.manager.interrupt_kernel()
    while True:
        reply = kernel.client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == request:
            break
    assert reply["content"]["ename"] == "Interrupted"
    assert kernel.value("[item and item.text for item in kept]") == ["done", "done", None, None]


def test_a_line_alone_is_enough(kernel):
    kernel.run("%%llm --help")
    assert "--temperature" in kernel.outputs[0]["data"]["text/plain"]
    assert kernel.run("\n%%llm echo")["evalue"].startswith("The cell is empty")


def test_errors_are_short_and_name_the_remedy(kernel):
    for cell, name, message in [
        ("%%llm echo --temprature 0\nx", "MagicError", "Did you mean '--temperature'?"),
        ("%%llm nowhere/x\nx", "UnknownModel", "nowhere"),
        ("%%llm echo\n{{ ehco }}", "PromptError", "Did you mean 'echo'?"),
        ("%%llm echo -t 9\nx", "BadOption", "temperature"),
        ("%llm chast", "MagicError", "Did you mean 'chats'"),
    ]:
        reply = kernel.run(cell)
        assert (reply["status"], reply["ename"]) == ("error", name)
        assert message in reply["evalue"]
        assert len(reply["traceback"]) <= 3
        assert [output["type"] for output in kernel.outputs] == ["error"]


def test_a_failure_in_the_middle_leaves_what_was_said(kernel):
    kernel.run(
        "from llmeng.errors import ServerFailed\nbroken = Scripted('b', fail=ServerFailed('It said 500.'), fail_after=2, answers='one two three four')"
    )
    reply = kernel.run("%%llm broken\nx")
    assert reply["ename"] == "ServerFailed"
    shown, error = kernel.outputs
    assert "one two" in shown["data"]["text/plain"] and error["type"] == "error"


def test_several_models_side_by_side(kernel):
    reply = kernel.run("%%llm --models echo,broken --to both\n**x**")
    assert reply["ename"] == "BatchFailed"
    shown, error = kernel.outputs
    assert "<strong>x</strong>" in shown["data"]["text/html"] and "It said 500." in shown["data"]["text/html"]
    assert kernel.value("both['scripted/echo'].text") == "**x**"


def test_an_image_of_a_variable_is_sent(kernel):
    kernel.run("png = bytes.fromhex('89504e470d0a1a0a') + bytes(8)")
    kernel.run("%%llm echo --image png --to seen\nWhat is it?")
    assert kernel.value("[len(message.images) for message in echo.calls[-1][0]]") == [1]
    assert kernel.run("%%llm echo\n{{ png }}")["evalue"].count("--image png") == 1
    assert kernel.run("%%llm echo --image nowhere.png\nx")["ename"] == "MagicError"


def test_explain_and_fix(kernel):
    kernel.run("prices = {'apple': 3}\ntoken = 'sk-0123456789abcdefghij'")
    kernel.run("api_key = 'sk-0123456789abcdefghij'\nprices['aple']")
    kernel.run(
        "seen = []\nhelper = Scripted(answers=lambda messages, options: seen.append(messages[-1].text) or '```python\\nprices[\"apple\"]\\n```')"
    )
    assert kernel.run("%llm explain helper")["status"] == "ok"
    asked = kernel.value("seen[0]")
    assert "KeyError: 'aple'" in asked and "prices['aple']" in asked and "0123456789" not in asked
    reply = kernel.run("%llm fix helper")
    (proposal,) = reply["payload"]
    assert proposal["source"] == "set_next_input" and proposal["replace"] is False
    assert proposal["text"].endswith('prices["apple"]')


def test_a_loop_leaves_one_result(kernel):
    kernel.run("steady = Scripted('steady', answers='x', delay_s=0.4)")
    assert kernel.run("%%llm steady --for n in range(20)\n{{ n }}")["status"] == "ok"
    assert kernel.updates  # the progress bar
    (output,) = kernel.outputs
    assert output["type"] == "execute_result" and "20 answers" in output["data"]["text/plain"]


def test_unload_and_load_again(kernel):
    assert kernel.run("%unload_ext llmeng")["status"] == "ok"
    assert kernel.run("%%llm echo\nx")["status"] == "error"
    kernel.run("echo('**still** an answer')")
    assert "<strong>still" in kernel.outputs[0]["data"]["text/html"]
    assert kernel.run("%unload_ext llmeng\n%load_ext llmeng\n%reload_ext llmeng")["status"] == "ok"
    kernel.run("%%llm echo --format text\n**x**")
    assert "**x**" in kernel.outputs[0]["data"]["text/html"]


def test_the_tab_key(kernel):
    def offered(text):
        request = kernel.client.complete(text)
        while True:
            reply = kernel.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]["matches"]

    assert offered("%%llm echo --no-") == ["--no-cache", "--no-stream"]
    assert offered("%llm cassette re") == ["record", "replay"]
    assert "--temperature" not in offered("x = 3\nimport js")


def test_usage_counts_python_calls_too(kernel):
    before = kernel.run("%llm usage") and kernel.outputs[0]["data"]["text/plain"]
    kernel.run("Scripted('counted', answers='x').batch(['a', 'b', 'c']);")
    kernel.run("%llm usage")
    after = kernel.outputs[0]["data"]["text/plain"]
    assert "scripted/counted" not in before
    assert re.search(r"scripted/counted +3 ", after)


def test_papermill_saves_one_output_a_cell(tmp_path):
    code, notebook, _ = run_papermill(
        tmp_path,
        SETUP,
        "%%llm echo --to said\n**Hi**",
        "assert said.text == '**Hi**'",
        "%%llm echo --for n in [1, 2]\n{{ n }}",
    )
    assert code == 0
    (output,) = notebook.cells[1].outputs
    assert output.output_type == "execute_result" and "<strong>Hi</strong>" in output.data["text/html"]
    (output,) = notebook.cells[3].outputs
    assert output.output_type == "execute_result"


@pytest.mark.parametrize(
    "cell",
    ["%%llm openai/x --to y\nHi", "%%llm echo --nope\nHi", "%llm nope", "%%llm http://127.0.0.1:9/v1#x\nHi"],
)
def test_papermill_fails_where_a_cell_fails(tmp_path, monkeypatch, cell):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code, notebook, _ = run_papermill(tmp_path, SETUP, cell, "print('never')")
    assert code != 0
    assert notebook.cells[-1].outputs == []


def in_terminal(folder: Path, code: str) -> str:
    environment = {**os.environ, "IPYTHONDIR": str(folder), "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "--simple-prompt", "-i"],
        input=code,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_terminal(tmp_path):
    said = in_terminal(
        tmp_path,
        f"{SETUP}\n"
        "done = get_ipython().run_cell('%%llm echo\\nsay \\x1b[31mred')\n"
        "done = get_ipython().run_cell('%%llm echo --nope\\nx')\n"
        "%%llm echo\ntyped line by line\n\n\n"
        "%llm help\nexit\n",
    )
    assert "Completion('typed line by line" in said
    assert "say [31mred" in said and "\x1b[31mred" not in said
    assert "MagicError: Unknown option '--nope'" in said and "%llm explain" in said
    assert "run_cell.py" not in said


FAR = "httpx2 pydantic jinja2 markdown_it anywidget torch xllamacpp huggingface_hub openai anthropic jsonschema tqdm numpy"


def test_load_is_light_and_silent(tmp_path):
    code = (
        "import sys, time\nfrom IPython.terminal.interactiveshell import TerminalInteractiveShell\n"
        "shell = TerminalInteractiveShell.instance()\nbefore = set(sys.modules)\nbegan = time.process_time()\n"
        "shell.run_line_magic('load_ext', 'llmeng')\nspent = time.process_time() - began\n"
        f"print([name for name in {FAR.split()!r} if name in set(sys.modules) - before], round(spent * 1000))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    loaded, _, spent = done.stdout.strip().rpartition(" ")
    assert loaded == "[]", done.stdout + done.stderr
    assert done.stderr == "" and int(spent) < 110


def test_a_taken_name_is_respected(tmp_path):
    said = in_terminal(
        tmp_path,
        "get_ipython().register_magic_function(lambda line, cell: 'theirs', 'cell', 'llm')\n"
        "%load_ext llmeng\n"
        "print(get_ipython().run_cell_magic('llm', '', 'x'))\n"
        "print(get_ipython().run_cell_magic('le', 'scripted/echo --no-stream', 'mine').text)\n"
        "%unload_ext llmeng\n"
        "print(get_ipython().run_cell_magic('llm', '', 'x'), get_ipython().find_cell_magic('le'))\nexit\n",
    )
    assert "%%llm belongs to another extension already" in said and "%%le" in said
    assert "theirs" in said and "mine" in said and "theirs None" in said
