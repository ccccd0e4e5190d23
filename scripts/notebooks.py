"Run notebooks in place, keep their outputs, and clean them: `python scripts/notebooks.py [NOTEBOOK …]`."

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import papermill
from nbdev.clean import nbdev_clean

ROOT = Path(__file__).parent.parent


def run(path: Path) -> None:
    "Run one notebook in a copy, so that a failure leaves the original as it was, and take its outputs over."
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        os.environ["LLMENG_STATE"] = folder  # what is shown was answered now, not out of a cache
        papermill.execute_notebook(
            str(path), str(copy), kernel_name="python3", cwd=str(path.parent), progress_bar=False
        )
        done = nbformat.read(copy, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    for cell, ran in zip(notebook.cells, done.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = ran.outputs
    nbformat.write(notebook, path)
    nbdev_clean(str(path))


def main(names: list[str]) -> None:
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "nbs").rglob("*.ipynb"))
    failed = []
    for path in paths:
        if ".ipynb_checkpoints" in path.parts:
            continue
        began = time.monotonic()
        try:
            run(path)
        except papermill.PapermillExecutionError as error:
            print(error, flush=True)
            failed.append(str(path.relative_to(ROOT)))
        print(f"{time.monotonic() - began:6.1f} s  {path.relative_to(ROOT)}", flush=True)
    if failed:
        raise SystemExit(f"Left as they were, because a cell failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
