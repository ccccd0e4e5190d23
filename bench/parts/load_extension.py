"""Load an IPython extension in a bare shell and print what it took: `load_extension.py [NAME]`, none for IPython alone."""

import json
import sys
import time

import psutil
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
memory, began = psutil.Process().memory_info().rss, time.perf_counter()
if len(sys.argv) > 1:
    shell.run_line_magic("load_ext", sys.argv[1])
took = {
    "load_s": time.perf_counter() - began,
    "memory_mb": (psutil.Process().memory_info().rss - memory) / 1e6,
}
assert len(sys.argv) < 2 or sys.argv[1] in shell.extension_manager.loaded
print(json.dumps(took))
