"100 prompts at concurrency 8 through llmeng: `batch_llmeng.py ADDRESS`."

import sys

from llmeng import get_model

model = get_model(f"{sys.argv[1]}#stand-in")
answers = model.batch([f"Question {n}" for n in range(100)], concurrency=8)
assert len(answers) == 100 and all(answer.text.startswith("The answer") for answer in answers)
