"""What goes wrong between llmeng and a hosted model, played by a stand-in on loopback."""

from __future__ import annotations

import logging
import time

import httpx2
import pytest
from stand_in import (
    CUT,
    HANG_UP,
    Reply,
    StandIn,
    anthropic_events,
    anthropic_stream,
    events,
    openai_chunks,
    openai_stream,
    page,
    refusal,
    stream,
)

from llmeng.core.completion import Usage
from llmeng.core.loop import run
from llmeng.errors import ConnectionFailed, ModelError, ModelTimeout, RateLimited, RefusedKey, ServerFailed
from llmeng.models.anthropic import Anthropic
from llmeng.models.openai import OpenAI

KEY = "hunter2-hunter2-hunter2"


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request, monkeypatch):
    "How to make a model for a stand-in, a whole answer, and the events of one."
    monkeypatch.setenv("DEMO_KEY", KEY)
    if request.param == "openai":
        return (
            lambda server: OpenAI("demo", base_url=f"{server.url}/v1", api_key_env="DEMO_KEY"),
            openai_stream,
            lambda text: events(*openai_chunks(text)),
        )
    return (
        lambda server: Anthropic("demo", base_url=server.url, api_key_env="DEMO_KEY"),
        anthropic_stream,
        lambda text: events(*anthropic_events(text), names=True),
    )


def test_an_answer(protocol):
    make, answer, _ = protocol
    with StandIn(answer("All is well.")) as server:
        completion = make(server)("Is it?")
    assert completion.text == "All is well."
    assert completion.usage == Usage(7, 3, 2)
    assert completion.finish_reason == "stop"
    assert completion.cost_usd is None  # not the provider's own address


FAULTS = {
    "a proxy's error": (page(502), ServerFailed),
    "a proxy's page in place of the answer": (page(200, "Log in"), ServerFailed),
    "a line that is hung up": (HANG_UP, ConnectionFailed),
    "an answer without a body": (Reply(204), ServerFailed),
    "half a JSON": (Reply(200, {"content-type": "application/json"}, [b'{"half": ']), ServerFailed),
    "half a JSON in an event": (stream([b'data: {"half": \n\n']), ServerFailed),
    "JSON of another kind": (stream([b"data: [1, 2]\n\n"]), ServerFailed),
    "garbage": (stream([b"\x00\xff\xfe garbage\n\n"]), ConnectionFailed),
    "what only says that it is compressed": (
        Reply(200, {"content-type": "text/event-stream", "content-encoding": "gzip"}, [b"not gzip"]),
        ServerFailed,
    ),
    "an event without an end": (stream([b"data: " + b"x" * (1 << 25)]), ServerFailed),
    "silence": (stream([20.0]), ModelTimeout),
    "only signs of life": (
        stream([piece for _ in range(40) for piece in (b": ping\n\n", 0.1)]),
        ModelTimeout,
    ),
    "a redirection": (Reply(307, {"location": "https://elsewhere.example"}), ServerFailed),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_that_names_itself(protocol, fault):
    make, _, _ = protocol
    reply, expected = FAULTS[fault]
    began = time.monotonic()
    with StandIn(reply) as server, pytest.raises(ModelError) as caught:
        make(server)("Hi", timeout_s=1)
    assert type(caught.value) is expected, caught.value
    assert time.monotonic() - began < 10
    assert caught.value.partial == ""


def test_a_line_that_is_cut_keeps_what_was_said_and_is_not_tried_again(protocol):
    make, _, pieces = protocol
    half = [piece for piece in pieces("one two three four") if b"three" not in piece][:4]
    with StandIn(stream([*half, CUT])) as server, pytest.raises(ConnectionFailed) as caught:
        make(server)("Hi")
    assert caught.value.partial.startswith("one")
    assert "partial" in str(caught.value)
    assert len(server.requests) == 1


def test_a_cut_before_the_first_word_is_tried_once_more(protocol):
    make, answer, _ = protocol
    with StandIn(HANG_UP, answer("Here I am.")) as server:
        assert make(server)("Hi").text == "Here I am."
    assert len(server.requests) == 2


def test_a_refusal_is_not_tried_again(protocol):
    make, answer, _ = protocol
    with StandIn(refusal(429, "slow down", headers={"retry-after": "3"}), answer("no")) as server:
        with pytest.raises(RateLimited) as caught:
            make(server)("Hi")
        assert len(server.requests) == 1
    assert caught.value.retry_after_s == 3


def test_a_stream_is_read_to_its_end_so_that_a_kept_connection_is_used_again(protocol, monkeypatch):
    make, answer, _ = protocol
    keeping = httpx2.AsyncClient()  # over plain http llmeng keeps none, over https it does
    monkeypatch.setattr("llmeng.models.http.client", lambda address: keeping)
    opened = []

    class Counting(StandIn):
        def get_request(self):
            accepted = super().get_request()
            opened.append(accepted[1])
            return accepted

    with Counting(answer("Again.")) as server:
        model = make(server)
        for _ in range(5):
            model("Hi")
        model.batch(["Hi"] * 40, concurrency=4, progress=False)
        run(keeping.aclose())
    assert len(opened) <= 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_key_is_never_in_a_message(protocol, status, caplog):
    make, _, pieces = protocol
    caplog.set_level(logging.DEBUG)
    said = f"{KEY} and sk-proj-abcdef123456 are wrong"
    replies = [refusal(status, said), stream([*pieces("one two")[:3], *events({"error": {"message": said}})])]
    for reply in replies:
        with StandIn(reply) as server, pytest.raises(ModelError) as caught:
            make(server)("Hi")
        shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {make(server)!r} {caplog.text}"
        assert "hunter2" not in shown and "abcdef" not in shown
    assert any(KEY in value for request in server.requests for value in request.headers.values())


def test_a_key_that_is_none_is_refused_before_it_is_sent(monkeypatch):
    monkeypatch.setenv("DEMO_KEY", "hunter2\r\nx-evil: 1")
    with StandIn(openai_stream("x")) as server, pytest.raises(Exception, match="DEMO_KEY") as caught:
        OpenAI("demo", base_url=server.url, api_key_env="DEMO_KEY")("Hi")
    assert "hunter2" not in str(caught.value) and not server.requests


def test_the_key_of_a_provider_goes_to_no_other_address(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with StandIn(refusal(401)) as server:
        for model in (OpenAI("demo", base_url=server.url), Anthropic("demo", base_url=server.url)):
            with pytest.raises(RefusedKey, match="api_key_env"):
                model("Hi")
        assert not any(KEY in value for request in server.requests for value in request.headers.values())


def test_a_proxy_in_the_environment_does_not_stand_before_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with StandIn(openai_stream("Here.")) as server:
        assert OpenAI("demo", base_url=server.url)("Hi").text == "Here."
