"Benchmarks from the hub: what is fetched, which subset, and what is said when it can't be."

import http.server
import io
import json
import threading
import urllib.parse

import pyarrow
import pyarrow.parquet
import pytest

from llmeng.errors import DataError
from llmeng.evals import benchmark


def parquet(rows: list[dict]) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()


SUM = {"question": "What is 1 and 1?", "answer": "1 + 1 = 2\n#### 2"}
ROSE = {"question": "What is a rose?", "choices": ["a flower", "a tree", "a fish", "a star"], "answer": 0}
FILES = {
    "openai/gsm8k": {
        "main": {
            "README.md": b"-",
            "main/test-00000-of-00001.parquet": parquet([SUM] * 3),
            "main/train-00000-of-00001.parquet": parquet([SUM] * 9),
            "socratic/test-00000-of-00001.parquet": parquet([SUM]),
        }
    },
    "cais/mmlu": {
        "main": {
            "all/test-00000-of-00001.parquet": parquet(
                [{**ROSE, "subject": "botany"}, {**ROSE, "subject": "law"}]
            ),
            "all/dev-00000-of-00001.parquet": parquet(
                [{**ROSE, "subject": name} for name in ("botany", "law")]
            ),
            "botany/test-00000-of-00001.parquet": parquet([{**ROSE, "subject": "botany"}] * 2),
            "botany/dev-00000-of-00001.parquet": parquet([{**ROSE, "subject": "botany"}]),
        }
    },
    "haonan-li/cmmlu": {
        "main": {"cmmlu.py": b"-"},
        "refs/convert/parquet": {
            "agronomy/test/0000.parquet": parquet(
                [{"Question": "?", **dict.fromkeys("ABCD", "x"), "Answer": "A"}]
            )
        },
    },
    "Rowan/hellaswag": {"main": {"README.md": b"-"}},
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    fetched = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def answer(self, body: bytes, status: int = 200, **headers):
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self):
            path = urllib.parse.unquote(self.path.partition("?")[0])
            for repo, revisions in FILES.items():
                for revision, files in revisions.items():
                    if path == f"/api/datasets/{repo}/tree/{revision}":
                        listed = [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in files]
                        return self.answer(json.dumps(listed).encode(), content_type="application/json")
                    for name, content in files.items():
                        if path == f"/datasets/{repo}/resolve/{revision}/{name}":
                            if self.command == "GET":
                                fetched.append(name)
                            commit = "0" * 39 + str(len(revision) % 10)
                            return self.answer(content, etag=f'"{hash(name)}"', x_repo_commit=commit)
            code = (
                "RevisionNotFound"
                if "/tree/" in path and any(repo in path for repo in FILES)
                else "RepoNotFound"
            )
            return self.answer(b"{}", 404, x_error_code=code)

        do_HEAD = do_GET

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        import huggingface_hub.constants as constants

        address = f"http://127.0.0.1:{server.server_address[1]}"
        patch.setattr(constants, "ENDPOINT", address)
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield fetched
    server.shutdown()


def test_a_set_with_its_examples(hub):
    made = benchmark("gsm8k", shots=4)
    assert (len(made), made.source, made.note) == (3, "openai/gsm8k", "")
    assert made.samples[0].input.count("Question:") == 5
    assert sorted(hub) == ["main/test-00000-of-00001.parquet", "main/train-00000-of-00001.parquet"]


def test_all_subjects_come_in_one_file_and_one_alone(hub):
    hub.clear()
    assert [sample.metadata["subject"] for sample in benchmark("mmlu", shots=1).samples] == ["botany", "law"]
    one = benchmark("mmlu", subset="botany", shots=1)
    assert (len(one), one.name) == (2, "mmlu botany")
    assert {name.partition("/")[0] for name in hub} == {"all", "botany"}
    with pytest.raises(DataError, match="Did you mean 'botany'"):
        benchmark("mmlu", subset="botny")


def test_a_set_that_the_hub_converted(hub):
    assert len(benchmark("cmmlu", shots=0)) == 1


def test_what_can_not_be_fetched_says_what_to_do(hub):
    with pytest.raises(DataError, match=r"hellaswag is a folder with hellaswag_val.jsonl"):
        benchmark("hellaswag")
    with pytest.raises(
        DataError, match=r"could not be fetched from the hub.*benchmark\('winogrande', path\)"
    ):
        benchmark("winogrande")
