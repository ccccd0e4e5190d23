"""Other people's packages, each in an environment of its own that is made once and kept in the cache folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_dir


def peer_python(
    requirement: str,  # as pip takes it, the version pinned
    *more: str,  # what it needs beside
) -> str | None:  # the interpreter of its environment; None when it can't be installed
    "The Python that has a peer installed."
    folder = Path(user_cache_dir("llmeng"), "bench", requirement.replace("==", "-"))
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "ready"
    if not ready.exists():
        print(f"Installing {requirement} into {folder} ...", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", requirement, *more, "ipykernel", "psutil"],
                check=True,
            )
        except subprocess.CalledProcessError as error:
            print(f"LEFT OUT: {requirement} could not be installed ({error}).")
            return None
        ready.touch()
    return str(python)
