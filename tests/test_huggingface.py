"The same weights through transformers and through llama.cpp: two engines, one distribution."

import pytest

from llmeng import get_model
from llmeng.models import weights

QUESTIONS = ["What is the capital of France?", "Is fire hot? Answer yes or no.", "Name three colours."]


@pytest.fixture(scope="module")
def pair():
    path = weights.get("smollm2-135m")
    return get_model(f"huggingface/{path}", device="cpu"), get_model("local/smollm2-135m")


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_first_token_is_as_likely(pair, question):
    options = {"temperature": 0, "max_tokens": 1, "logprobs": 5}
    ours, theirs = (model(question, **options) for model in pair)
    assert ours.usage.input_tokens == theirs.usage.input_tokens
    mine, other = dict(ours.logprobs[0].top), dict(theirs.logprobs[0].top)
    shared = mine.keys() & other.keys()
    assert len(shared) >= 4
    # llama.cpp rounds activations to 8 bits, transformers does not
    assert all(abs(mine[token] - other[token]) < 0.35 for token in shared), (mine, other)


@pytest.mark.parametrize("labels", [["positive", "negative"], ["I loved it.", "I loved it. It"]])
def test_labels_are_as_likely(pair, labels):
    prompt = "Is this review positive or negative? 'A wonderful film, I loved every minute.'"
    ours, theirs = (model.choose(prompt, labels).probabilities for model in pair)
    assert all(abs(ours[label] - theirs[label]) < 0.1 for label in labels), (ours, theirs)


TEXTS = [" Paris", " Lyon", " a large city on the river Seine", " 东京 😀", "\n\n"]


@pytest.mark.parametrize("prompt", ["The capital of France is", ""])
def test_texts_are_as_likely(pair, prompt):
    plain = [get_model(f"{model.name}#none") for model in pair[1:]]
    plain = [get_model(f"huggingface/{weights.get('smollm2-135m')}", device="cpu", template="none"), *plain]
    ours, theirs = (model.likelihood(prompt, TEXTS) for model in plain)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.n_tokens == other.n_tokens
        gaps = [abs(a - b) for a, b in zip(mine.token_logprobs, other.token_logprobs, strict=True)]
        assert sum(gaps) / len(gaps) < 0.4, (mine, other)
