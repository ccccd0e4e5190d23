"100 samples at concurrency 8 through inspect-ai: `evaluate_inspect.py ADDRESS FILE`."

import json
import os
import sys
import tempfile

os.environ.update(STANDIN_API_KEY="none", STANDIN_BASE_URL=sys.argv[1])

from inspect_ai import Task, eval
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import match
from inspect_ai.solver import generate

task = Task(dataset=json_dataset(sys.argv[2]), solver=generate(), scorer=match(numeric=True))
[log] = eval(
    task,
    model="openai-api/standin/stand-in",
    max_connections=8,
    max_samples=8,
    display="none",
    log_dir=tempfile.mkdtemp(),
)
assert log.status == "success", log.error
metrics = log.results.scores[0].metrics
print(json.dumps({"n": log.results.completed_samples, "score": metrics["accuracy"].value}))
