"Every API notebook runs, whole, with the live local model. (Lessons: test_lessons.py, with their solutions.)"

import os
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [
    path
    for path in sorted((ROOT / "nbs").rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts and "lessons" not in path.relative_to(ROOT / "nbs").parts
]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "nbs")))
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("LLMENG_STATE", str(tmp_path))  # nothing is answered out of an earlier run's cache
    papermill.execute_notebook(
        str(path), str(tmp_path / path.name), kernel_name="python3", cwd=str(path.parent), progress_bar=False
    )
