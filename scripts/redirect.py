"After the site is rendered: let its root lead to the home page."

import os
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>llmeng</title>
<meta http-equiv="refresh" content="0; url=nbs/index.html">
<link rel="canonical" href="nbs/index.html">
<a href="nbs/index.html">llmeng</a>
</html>
"""

output = Path(os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_site"))
(output / "index.html").write_text(PAGE, encoding="utf-8")
