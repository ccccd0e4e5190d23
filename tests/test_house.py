"The house: floors, exports in step with notebooks, clean notebooks, style, light to load."

import ast
import filecmp
import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat
import pytest

import llmeng

ROOT = Path(__file__).parent.parent
TOOLS = Path(sys.executable).parent
PACKAGE = ROOT / "llmeng"

# DESIGN: a module imports only from the floors above its own, and areas of one floor never import each other.
FLOORS = [
    {"errors", "deps", "core", "display", "stats"},
    {"models", "tools", "data", "trace"},
    {"structured", "safety", "scale"},
    {"prompts"},
    {"rag", "tune", "evals", "patterns"},
    {"apps", "monitor", "optimization"},
    {"widgets", "magics", "course", "cli"},
]
FLOOR = {area: number for number, areas in enumerate(FLOORS) for area in areas}
# On the ground floor everybody needs `errors` and `deps`; `core` shows its values through `display`.
GROUND = {"errors": 0, "deps": 1, "stats": 2, "display": 2, "core": 3}
# Not to be imported by `import llmeng` or `%load_ext llmeng`.
HEAVY = [
    *("anthropic", "anywidget", "httpx", "httpx2", "huggingface_hub", "ipywidgets", "jinja2", "jsonschema"),
    *("llama_index", "markdown_it", "matplotlib", "numpy", "openai", "pandas", "pydantic", "torch", "tqdm"),
    *("transformers", "xllamacpp", "yaml"),
]


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not path.name.startswith("_")]


def notebooks() -> list[Path]:
    return [
        path for path in sorted((ROOT / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts
    ]


def imports(path: Path) -> set[str]:
    "The areas that a module imports, wherever in the module it does."
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = ["llmeng", *path.relative_to(PACKAGE).parts[:-1]]
            start = folder[: len(folder) + 1 - node.level] if node.level else []
            dotted = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            names = [dotted] if dotted != "llmeng" else [f"llmeng.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("llmeng.")}
    return {area for area in found if not area.startswith("__")}


def may_import(here: str, there: str) -> bool:
    if here == there:
        return True
    if here in GROUND and there in GROUND:
        # `core` and `display` show each other's values lazily; nothing else on the ground floor looks up
        return GROUND[there] < GROUND[here]
    return FLOOR[there] < FLOOR[here]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_the_floors_above(path):
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    wrong = sorted(there for there in imports(path) if not may_import(here, there))
    if here == "display":
        wrong = [there for there in wrong if there != "core"]  # for type checkers only: see the next test
    assert not wrong, f"{here} may not import {', '.join(wrong)}"


def test_display_imports_core_for_types_only():
    tree = ast.parse((PACKAGE / "display.py").read_text(encoding="utf-8"))
    guarded = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    inside = {id(child) for node in guarded for child in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmeng.core"):
            assert id(node) in inside


def test_the_floors_test_can_fail():
    assert not may_import("models", "magics")
    assert not may_import("core", "models")
    assert not may_import("structured", "scale")
    assert may_import("magics", "models")


def test_modules_are_in_step_with_notebooks(tmp_path):
    for name in ("nbs", "llmeng", "settings.ini"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            )
        else:
            shutil.copy(source, tmp_path)
    subprocess.run([TOOLS / "nbdev_export"], cwd=tmp_path, check=True)
    stale = []
    for path in sorted((tmp_path / "llmeng").rglob("*.py")):
        relative = path.relative_to(tmp_path)
        if not (ROOT / relative).exists() or not filecmp.cmp(path, ROOT / relative, shallow=False):
            stale.append(str(relative))
    assert not stale, "run nbdev_export"


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: str(path.relative_to(ROOT / "nbs")))
def test_a_notebook_is_clean_and_was_run(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert any(cell.outputs for cell in code), "no saved output: run it with scripts/notebooks.py"
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}, f"run nbdev_clean: {cell.metadata}"
    for cell in code:
        assert cell.execution_count is None, "run nbdev_clean"
        assert not any(output.output_type == "error" for output in cell.outputs), "saved with an error"
    text = json.dumps(notebook)
    assert str(ROOT) not in text and str(Path.home()) + "/" not in text, "an absolute path of this machine"


@pytest.mark.parametrize("command", [["check", "llmeng"], ["format", "--check"]], ids=["check", "format"])
def test_style(command):
    # exported modules are laid out by nbdev, so their format is not ours to check
    done = subprocess.run(
        [TOOLS / "ruff", *command, "--no-cache", "nbs", "tests", "bench", "scripts", "setup.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    "code",
    [
        "import llmeng",
        "from IPython.core.interactiveshell import InteractiveShell as S; S.instance().run_line_magic('load_ext', 'llmeng')",
        "import llmeng; llmeng.get_model, llmeng.Message, llmeng.Completion",
    ],
    ids=["import", "load_ext", "names"],
)
def test_loading_is_light_and_silent(code):
    watch = (
        "import sys; before = set(sys.modules)\n"
        f"{code}\n"
        f"print(sorted(name for name in {HEAVY!r} if name in sys.modules and name not in before))"
    )
    bare = (
        "from IPython.core.interactiveshell import InteractiveShell as S; S.instance()\n"
        if "load_ext" in code
        else ""
    )
    done = subprocess.run([sys.executable, "-c", bare + watch], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_readme_is_the_home_notebook():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import readme
    finally:
        sys.path.pop(0)
    home = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    assert (ROOT / "README.md").read_text(encoding="utf-8") == readme.readme(home), "run make readme"


def test_every_notebook_has_its_place_on_the_site():
    listed = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    assert not [name for path in notebooks() if (name := path.relative_to(ROOT).as_posix()) not in listed]


def test_every_dependency_is_explained():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    wanted = [
        re.match(r"[\w-]+", line)[0] for line in settings["DEFAULT"]["requirements"].split("\n") if line
    ]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert not [name for name in wanted if not any(name in row.split("|")[1] for row in table)]


def test_one_version():
    settings = ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    extension = json.loads((PACKAGE / "labextension" / "package.json").read_text(encoding="utf-8"))
    assert settings["DEFAULT"]["version"] == llmeng.__version__ == extension["version"]


def test_no_weights_or_keys_in_the_repository():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split(
        "\0"
    )
    big = [
        name for name in files if name and (ROOT / name).exists() and (ROOT / name).stat().st_size > 1_500_000
    ]
    assert not big
    assert not [name for name in files if name.endswith((".gguf", ".safetensors", ".bin"))]
