"The task of `bench/evaluate.py`, as lm-eval describes tasks."

from pathlib import Path


def task(folder: Path, samples: str) -> None:
    "Write the description: the last number of the answer is compared with the target."
    (folder / "sums.yaml").write_text(
        f"""task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {samples}}}}}
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
