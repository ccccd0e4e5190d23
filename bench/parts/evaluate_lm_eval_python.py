"100 samples at concurrency 8 through lm-eval's Python interface, its index of tasks left out: `evaluate_lm_eval_python.py ADDRESS FILE`."

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", OPENAI_API_KEY="none")

from evaluate_lm_eval_task import task
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

folder = Path(tempfile.mkdtemp())
task(folder, sys.argv[2])
results = simple_evaluate(
    model="local-chat-completions",
    model_args=f"model=stand-in,base_url={sys.argv[1]}/chat/completions,num_concurrent=8,tokenized_requests=False",
    tasks=["sums"],
    task_manager=TaskManager(include_path=str(folder), include_defaults=False),
    apply_chat_template=True,
    bootstrap_iters=0,
)
score = results["results"]["sums"]["exact_match,last-number"]
print(json.dumps({"n": results["n-samples"]["sums"]["effective"], "score": score}))
