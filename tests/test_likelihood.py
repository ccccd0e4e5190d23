"Likelihoods go through every wrapper, and several at once are as good as one."

import math

import pytest

from llmeng import get_model
from llmeng.errors import CassetteError, Unsupported
from llmeng.models.cassette import Cassette
from llmeng.models.openai import OpenAI
from llmeng.models.scripted import Scripted
from llmeng.scale.cache import cache

PROMPT, TEXTS = "The capital of France is", [" Paris", " Lyon", " a large city"]


def test_a_cassette_and_a_cache_give_them_again(tmp_path):
    model = Scripted(likelihoods=lambda prompt, text: -len(prompt + text))
    first = cache(Cassette(model, tmp_path / "one.jsonl"), path=tmp_path / "state.db").likelihood(
        PROMPT, TEXTS
    )
    assert len(model.calls) == 1
    again = cache(model, path=tmp_path / "state.db").likelihood(PROMPT, TEXTS)
    replayed = Cassette(model, tmp_path / "one.jsonl", "replay").likelihood(PROMPT, TEXTS)
    assert first == again == replayed and len(model.calls) == 1
    with pytest.raises(CassetteError, match="not recorded"):
        Cassette(model, tmp_path / "one.jsonl", "replay").likelihood(PROMPT, TEXTS[:1])


def test_several_at_once_are_as_good_as_one():
    model = get_model("local/smollm2-135m#none")
    alone = [float(model.likelihood(PROMPT, text)[0]) for text in TEXTS]
    together = [float(said) for said in model.likelihood(PROMPT, TEXTS)]
    asked = model.batch([PROMPT] * 12, continuations=TEXTS, progress=False)
    for found in (together, *([float(said) for said in answer.likelihoods] for answer in asked)):
        # what was read before is read in other portions, and the engine rounds otherwise
        assert all(math.isclose(a, b, abs_tol=0.6) for a, b in zip(alone, found, strict=True)), (
            alone,
            found,
        )


def test_a_chat_protocol_has_none():
    with pytest.raises(Unsupported, match=r"has no continuations.*local/\.\.\."):
        OpenAI("gpt", base_url="http://127.0.0.1:9/v1").likelihood("x", ["a"])
