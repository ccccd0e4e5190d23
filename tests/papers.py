"Notebooks executed two at a time: the local model takes one core, so a second notebook has the other."

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORKERS = min(2, os.cpu_count() or 1)


def execute(
    source: Path,
    target: Path,  # where the executed notebook is written
    folder: Path,  # that it runs in
    environment: Mapping[str, str],
) -> None:
    "Execute a notebook in this process."
    import papermill

    os.environ.update(environment)
    try:
        papermill.execute_notebook(
            str(source), str(target), kernel_name="python3", cwd=str(folder), progress_bar=False
        )
    except papermill.PapermillExecutionError as error:  # it does not survive the way between processes
        raise AssertionError(str(error)) from None


class Papers:
    "Notebooks on their way, by path."

    def __init__(self, pool: ProcessPoolExecutor):
        self._pool = pool
        self._running: dict[Path, Future] = {}

    def begin(self, path: Path, source: Path, target: Path, state: Path) -> None:
        "Execute `source` in the folder of `path`, as soon as there is room."
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        # nothing is answered out of an earlier run's cache
        environment = {"PYTHONPATH": paths, "LLMENG_STATE": str(state)}
        self._running[path] = self._pool.submit(execute, source, target, path.parent, environment)

    def finish(self, path: Path) -> None:
        "Wait for a notebook; raises what it raised."
        self._running.pop(path).result()


@contextmanager
def papers() -> Iterator[Papers]:
    "A pool of notebooks; what has not begun at its end is dropped."
    pool = ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield Papers(pool)
    finally:
        pool.shutdown(cancel_futures=True)
