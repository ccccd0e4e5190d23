"100 samples at concurrency 8 through lm-eval's own command: `evaluate_lm_eval.py ADDRESS FILE`."

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

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
