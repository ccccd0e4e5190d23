"100 samples at concurrency 8 through lm-eval: `evaluate_lm_eval.py ADDRESS FILE`."

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", OPENAI_API_KEY="none")

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

folder = Path(tempfile.mkdtemp())
(folder / "sums.yaml").write_text(
    f"""task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {sys.argv[2]}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{target}}}}"
generation_kwargs: {{until: []}}
filter_list:
  - name: last-number
    filter: [{{function: regex, regex_pattern: '(\\d+)', group_select: -1}}, {{function: take_first}}]
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
)
results = simple_evaluate(
    model="local-chat-completions",
    model_args=f"model=stand-in,base_url={sys.argv[1]}/chat/completions,num_concurrent=8,tokenized_requests=False",
    tasks=["sums"],
    task_manager=TaskManager(include_path=str(folder), include_defaults=False),
    apply_chat_template=True,
    bootstrap_iters=0,
)
print(
    json.dumps(
        {
            "n": results["n-samples"]["sums"]["effective"],
            "score": results["results"]["sums"]["exact_match,last-number"],
        }
    )
)
