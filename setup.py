"Packaging: everything comes from settings.ini, the one home of metadata."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

parser = ConfigParser(delimiters=["="])
parser.read("settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]


def lines(key: str) -> list[str]:
    return [line.strip() for line in settings.get(key, "").splitlines() if line.strip()]


extras = {name: lines(f"{name}_requirements") for name in ("lab", "rag", "evals", "tune")}
extras["all"] = sorted({requirement for extra in extras.values() for requirement in extra})
extras["dev"] = sorted(set(extras["all"]) | set(lines("dev_requirements")))

# JupyterLab looks for prebuilt extensions below <prefix>/share/jupyter/labextensions
labextension = Path("llmeng/labextension")
lab_files: dict[str, list[str]] = {}
for file in sorted(labextension.rglob("*")):
    if file.is_file():
        target = Path("share/jupyter/labextensions/llmeng") / file.parent.relative_to(labextension)
        lab_files.setdefault(target.as_posix(), []).append(file.as_posix())
# `llmeng lab` copies the home notebook from here for those who have no checkout
lab_files["share/llmeng"] = [path.as_posix() for path in sorted(Path("nbs").glob("index.*"))]

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=Path("README.md").read_text(encoding="utf-8") if Path("README.md").exists() else "",
    long_description_content_type="text/markdown",
    url=settings["git_url"],
    author=settings["author"],
    author_email=settings["author_email"],
    license="Apache-2.0",
    keywords=settings["keywords"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: IPython",
        "Framework :: Jupyter",
        "Framework :: Jupyter :: JupyterLab :: Extensions :: Prebuilt",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Programming Language :: Python :: 3",
    ],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=["llmeng", "llmeng.*"]),
    package_data={
        "llmeng": [
            "widgets/*.js",
            "widgets/*.css",
            "evals/*.jsonl",
            "prompts/starter/*.prompt.md",
            "prompts/starter/*/*",
        ]
    },
    include_package_data=False,
    data_files=sorted(lab_files.items()),
    install_requires=lines("requirements"),
    extras_require=extras,
    entry_points={"console_scripts": lines("console_scripts")},
    zip_safe=False,
)
