"Show this checkout's JupyterLab extension to the JupyterLab of its .venv, which `pip install --editable` does not do."

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARE = Path(sys.prefix) / "share" / "jupyter"
# JupyterLab asks on its first start whether it may fetch news; this environment answers for the person: no.
OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def main() -> None:
    if sys.prefix == sys.base_prefix:
        raise SystemExit("Not in a virtual environment: run this with .venv/bin/python.")
    link = SHARE / "labextensions" / "llmeng"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(ROOT / "llmeng" / "labextension", target_is_directory=True)
    settings = SHARE / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    settings.write_text(json.dumps(OVERRIDES | known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
