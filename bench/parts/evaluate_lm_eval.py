"100 samples at concurrency 8 through lm-eval's own command: `evaluate_lm_eval.py ADDRESS FILE`."

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from evaluate_lm_eval_task import task

folder = Path(tempfile.mkdtemp())
task(folder, sys.argv[2])
command = [
    Path(sys.executable).with_name("lm_eval"),
    *("run", "--model", "local-chat-completions", "--tasks", "sums", "--include_path", folder),
    "--model_args",
    f"model=stand-in,base_url={sys.argv[1]}/chat/completions,num_concurrent=8,tokenized_requests=False",
    *("--apply_chat_template", "--output_path", folder),
]
offline = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none"}
done = subprocess.run(command, env={**os.environ, **offline}, capture_output=True, text=True)
if done.returncode:
    sys.exit(done.stderr)
results = json.loads(next(folder.rglob("results*.json")).read_text())
score = results["results"]["sums"]["exact_match,last-number"]
print(json.dumps({"n": results["n-samples"]["sums"]["effective"], "score": score}))
