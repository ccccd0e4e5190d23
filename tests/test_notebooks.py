"Every API notebook runs, whole, with the live local model. (Lessons: test_lessons.py, with their solutions.)"

from pathlib import Path

import pytest
from papers import papers

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [
    path
    for path in sorted((ROOT / "nbs").rglob("*.ipynb"))
    if ".ipynb_checkpoints" not in path.parts and "lessons" not in path.relative_to(ROOT / "nbs").parts
]


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    with papers() as running:
        for item in request.session.items:  # those that were asked for
            if item.fspath == request.node.fspath:
                path, folder = item.callspec.params["path"], tmp_path_factory.mktemp("notebook")
                running.begin(path, path, folder / path.name, folder)
        yield running


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "nbs")))
def test_notebook_runs(path, running):
    running.finish(path)
