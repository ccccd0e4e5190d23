"""JupyterLab in a real browser: a server of its own, a page that remembers every error, and helpers to drive cells.

def test_something(lab):  # conftest.py gives it, and `chromium`
    page = lab.open("demo.ipynb", [("code", "1 + 1")])
    page.run(0)
    assert "2" in page.cell(0).inner_text()
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parent.parent
SHOTS = Path(os.environ.get("LLMENG_SCREENSHOTS", ROOT / ".llmeng" / "screenshots"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other machine can be reached
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = (
    "The browser tests need Chromium: `apt-get install chromium` (Debian), `brew install --cask chromium` (macOS), "
    "or `python -m playwright install --with-deps chromium`; or set LLMENG_CHROMIUM to its path."
)

# the indicators in the page say "idle" before there is a kernel; a cell run then would open a dialog
KERNEL_READY = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


def chromium_path() -> str | None:
    "Where Chromium is; None where it must be playwright's own."
    given = os.environ.get("LLMENG_CHROMIUM")
    if given:
        return given
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    "One browser for all tests. Without Chromium they fail: a skip would hide that nothing was tested."
    with sync_playwright() as playwright:
        path = chromium_path()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.fail(NO_BROWSER)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    "A JupyterLab server with an empty folder, for the tests of one file."
    with Lab(chromium, tmp_path_factory.mktemp("lab")) as server:
        yield server


class Lab:
    "A JupyterLab server of its own: its own settings, kernels of this environment."

    def __init__(
        self,
        browser: Browser,
        folder: Path,  # everything that the server writes
        *,
        root: Path | None = None,  # the notebooks; a new folder by default
        state: Path | None = None,  # where it remembers which notebooks it trusts; its own by default
        env: dict[str, str] | None = None,
    ):
        self.browser, self.folder = browser, folder
        self.root = root or folder / "work"
        self.state = state or folder / "data"
        self.external: list[str] = []  # requests to other machines; none gets through
        self._contexts: list[BrowserContext] = []
        self._env = env or {}
        self.token = "test"

    def __enter__(self) -> Lab:
        for name in (self.root, self.state, self.folder / "settings", self.folder / "share/labextensions"):
            name.mkdir(parents=True, exist_ok=True)
        # the extension as it stands in the repository, whether or not this environment has it
        link = self.folder / "share/labextensions/llmeng"
        link.symlink_to(ROOT / "llmeng/labextension", target_is_directory=True)
        news = self.folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        env = {
            **os.environ,
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_DATA_DIR": str(self.state),
            "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime"),
            "JUPYTER_PATH": str(self.folder / "share"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            **self._env,
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"),
            *(f"--ServerApp.root_dir={self.root}", "--ServerApp.terminals_enabled=False"),
            *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
        ]
        self._log = (self.folder / "server.log").open("w")
        self._server = subprocess.Popen(command, env=env, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for context in self._contexts:
            context.close()
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(3)
        except subprocess.TimeoutExpired:
            self._server.kill()  # it waits for a kernel that is just starting; kernels end with their server
            self._server.wait()
        self._log.close()

    def _wait_until_up(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self._server.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    @property
    def url(self) -> str:
        "The server's address."
        return f"http://127.0.0.1:{self.port}"

    def page(self, **options) -> Page:
        "An empty page whose errors and external requests are collected; options of a playwright context."
        context = self.browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", self._note)
        page.set_default_timeout(30_000)
        page.errors = []
        page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        return page

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", "about:")):
            self.external.append(request.url)

    def open(
        self,
        path: str,  # a notebook below the root
        cells: Sequence[tuple[str, str]] | None = None,  # ("code" or "markdown", source); None: it is there
        *,
        kernel: bool = True,  # wait for it
        **options,  # of the browser's context
    ) -> Notebook:
        "Write the notebook and open it."
        if cells is not None:
            write_notebook(self.root / path, cells)
        page = self.page(**options)
        page.goto(f"{self.url}/lab/tree/{path}?reset&token={self.token}", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=60_000)
        if kernel:
            page.wait_for_function(KERNEL_READY, timeout=60_000)
        return Notebook(page, self.root / path)


class Notebook:
    "A notebook open in JupyterLab."

    def __init__(self, page: Page, path: Path):
        self.page, self.path = page, path

    @property
    def errors(self) -> list[str]:
        "What the console complained about."
        return self.page.errors

    def cell(self, index: int) -> Locator:
        "The cell of that number, from 0."
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        "What the cell shows."
        return self.cell(index).locator(".jp-Cell-outputArea")

    def start(self, index: int) -> None:
        "Run a cell and do not wait for its end."
        prompt = self.cell(index).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(3):  # a page that is still loading may lose a key
            self.cell(index).locator(".cm-content").click()
            self.page.keyboard.press("Control+Enter")
            try:
                return expect(prompt).not_to_have_text(before, timeout=5000)
            except AssertionError:
                continue
        raise AssertionError(f"Cell {index} did not start.")

    def run(self, index: int, *, timeout_s: float = 60) -> Locator:  # what it shows
        "Run a cell and wait for its end."
        self.start(index)
        expect(self.cell(index).locator(".jp-InputPrompt")).to_have_text(
            re.compile(r"\[\d+\]:"), timeout=timeout_s * 1000
        )
        return self.output(index)

    def interrupt(self) -> None:
        "Press stop: `i i` in command mode."
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("i")
        self.page.keyboard.press("i")

    def save(self) -> dict:  # the notebook as it is on disk
        "Save, and wait until the file is written."
        self.command("docmanager:save")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def command(self, name: str, **arguments) -> None:
        "Run one of JupyterLab's commands."
        self.page.evaluate(
            "([name, arguments_]) => window.jupyterapp.commands.execute(name, arguments_).then(() => null)",
            [name, arguments],
        )

    def theme(self, *, dark: bool) -> None:
        "Switch the page to the dark or the light theme."
        self.command("apputils:change-theme", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
        self.page.wait_for_selector(f'body[data-jp-theme-light="{str(not dark).lower()}"]', state="attached")
        self.page.wait_for_timeout(200)  # the style sheet is loaded apart

    def shot(self, name: str) -> Path:
        "A screenshot."
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path


def write_notebook(
    path: Path,
    cells: Sequence[tuple[str, str]],  # ("code" or "markdown", source)
) -> None:
    "A notebook file without outputs."
    made = []
    for number, (kind, source) in enumerate(cells):
        extra = {"execution_count": None, "outputs": []} if kind == "code" else {}
        made.append({"cell_type": kind, "id": f"c{number}", "metadata": {}, "source": source, **extra})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def wait_until(condition, message: str, *, timeout_s: float = 20, every_s: float = 0.05) -> None:
    "Wait for a condition outside the page."
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(message)
        time.sleep(every_s)


def lengths(
    locator: Locator,
    *,
    until,  # a function: whether to stop looking
    timeout_s: float = 30,
) -> list[int]:  # the distinct lengths, in order
    "Watch a text grow."
    seen: list[int] = []
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        length = len(locator.inner_text())
        if not seen or seen[-1] != length:
            seen.append(length)
        if until():
            return seen
        time.sleep(0.02)
    raise AssertionError(f"It never ended; the lengths seen: {seen}")


def contrast(locator: Locator) -> float:  # of the text against its background, from 1 to 21
    "The contrast ratio of an element's text (WCAG 2), with translucent colours laid over each other."
    return locator.evaluate(
        """node => {
          const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
          const pen = canvas.getContext('2d', {willReadFrequently: true});
          const chain = [];
          for (let at = node; at; at = at.parentElement) chain.unshift(at);
          pen.fillStyle = '#fff';
          pen.fillRect(0, 0, 1, 1);
          for (const at of chain) { pen.fillStyle = getComputedStyle(at).backgroundColor; pen.fillRect(0, 0, 1, 1); }
          const light = () => {
            const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map(value => {
              const c = value / 255;
              return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
            });
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const back = light();
          pen.fillStyle = getComputedStyle(node).color;
          pen.fillRect(0, 0, 1, 1);
          const front = light();
          return (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
        }"""
    )
