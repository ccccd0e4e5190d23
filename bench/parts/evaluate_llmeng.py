"100 samples at concurrency 8 through llmeng: `evaluate_llmeng.py ADDRESS FILE`."

import json
import sys

from llmeng import get_model
from llmeng.evals import evaluate

run = evaluate(get_model(f"{sys.argv[1]}#stand-in"), sys.argv[2], "numeric", resume=False)
score = run.score("numeric")
print(json.dumps({"n": score.n, "score": score.value}))
