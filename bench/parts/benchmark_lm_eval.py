"""lm-eval's own tasks on local files, scored on answers that are given to it: run by bench/lm_eval_parity.py.

Reads a list of jobs from a file, and writes what lm-eval gave to each item.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")

import lm_eval
from lm_eval import evaluator
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

TASKS = Path(lm_eval.__file__).parent / "tasks"


class Recorded(LM):
    "Gives the answers that it was made with."

    def __init__(self, answers):
        super().__init__()
        self.answers, self.asked = answers, {}

    def loglikelihood(self, requests):
        for request in requests:
            self.asked.setdefault(request.doc_id, []).append(list(request.args))
        return [(self.answers[request.doc_id][request.idx], False) for request in requests]

    def generate_until(self, requests):
        for request in requests:
            self.asked.setdefault(request.doc_id, []).append([request.args[0]])
        return [self.answers[request.doc_id] for request in requests]

    def loglikelihood_rolling(self, requests):
        raise NotImplementedError


def score(job):
    config = load_yaml(TASKS / job["yaml"])
    for key in ("tag", "group", "task_list", "dataset_name"):
        config.pop(key, None)
    split = config.get("test_split") or config.get("validation_split")
    config |= {"dataset_path": "json", "dataset_kwargs": {"data_files": {split: job["data"]}}}
    config |= {"num_fewshot": 0, "training_split": None, "fewshot_split": None, "fewshot_config": None}
    if config.get("test_split"):
        config["validation_split"] = None
    more = [
        {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in job.get("metrics", ())
    ]
    config["metric_list"] = [*config["metric_list"], *more]
    task = ConfigurableTask(config=config)
    model = Recorded(job["answers"])
    found = evaluator.evaluate(
        model,
        {"tasks": {config["task"]: task}, "groups": {}, "group_map": {}},
        bootstrap_iters=0,
        log_samples=True,
    )
    items = {}
    for sample in found["samples"][config["task"]]:
        for metric in sample["metrics"]:
            kind = "" if sample.get("filter") in (None, "none") else f",{sample['filter']}"
            items.setdefault(f"{metric}{kind}", {})[sample["doc_id"]] = sample[metric]
    totals = {
        name.removesuffix(",none"): value
        for name, value in found["results"][config["task"]].items()
        if isinstance(value, float) and "stderr" not in name
    }
    return {"items": items, "totals": totals, "asked": model.asked}


def main(jobs, out):
    logging.disable(logging.CRITICAL)
    found = {}
    for job in json.loads(Path(jobs).read_text("utf-8")):
        try:
            found[job["name"]] = score(job)
        except Exception as error:
            found[job["name"]] = {"error": f"{type(error).__name__}: {error}"}
    Path(out).write_text(json.dumps(found, default=str), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
