"Make README.md from nbs/index.ipynb: text, code and plain outputs, links seen from the root."

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
HOME = ROOT / "nbs" / "index.ipynb"


def fence(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def from_root(text: str) -> str:
    "Links of the home notebook, relative to nbs/, as links from the root."
    return re.sub(r"\]\((?!https?:|#|mailto:)([^)]+)\)", r"](nbs/\1)", text)


def plain(output: nbformat.NotebookNode) -> str:
    "What an output says in plain text."
    return output.get("text") or output.get("data", {}).get("text/plain") or ""


def readme(notebook: nbformat.NotebookNode) -> str:
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(from_root(cell.source))
        elif not re.match(r"#\|\s*(include: false|default_exp)", cell.source):
            parts.append(fence(cell.source, "python"))
            parts += [fence(text, "text") for output in cell.outputs if (text := plain(output)).strip()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme(nbformat.read(HOME, as_version=4)), encoding="utf-8")
