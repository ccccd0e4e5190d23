"The site builds from _quarto.yml without a warning, and no link on it is broken."

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for name in ("nbs", "scripts"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", ".llmeng")
        )
    for name in ("_quarto.yml", "site.css"):
        shutil.copy(ROOT / name, folder)
    smalldocs = Path(sys.executable).parent / "smalldocs"
    for command in (["render", "--strict"], ["check"]):
        done = subprocess.run([smalldocs, *command, "."], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return folder / "_site"


def test_every_notebook_is_a_page_and_in_the_sidebar(site):
    listed = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        relative = path.relative_to(ROOT)
        assert (site / relative.with_suffix(".html")).exists(), relative
        assert str(relative) in listed, f"{relative} is not in the sidebar of _quarto.yml"


def test_the_root_leads_home(site):
    assert "nbs/index.html" in (site / "index.html").read_text(encoding="utf-8")


def test_magics_survive_the_rendering(site):
    home = (site / "nbs" / "index.html").read_text(encoding="utf-8")
    assert "%%llm" in re.sub(r"<[^>]+>", "", home)
