// The view of llmeng.widgets.Compare: one input, two answers, and where it is blind the vote.
// What apps say is set as text; HTML comes from Python only, escaped there: errors and the result.

const SILENT_MS = 4000; // without a word from the kernel for so long, the person is told

function make(tag, properties = {}, ...children) {
  const { role, label, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (role) node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  node.append(...children);
  return node;
}

const number = (value) => value.toLocaleString("en");

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

const VOTES = [["A", "A is better", ["1", "a"]], ["B", "B is better", ["2", "b"]], ["tie", "Tie", ["3", "t"]], ["both bad", "Both bad", ["4", "x"]]];

function render({ model, el }) {
  const setup = model.get("setup");
  const waiting = new Map(); // id of a request → what to do with its reply
  let lastId = 0;
  let pending = false; // a vote is on its way; keys wait for nobody, so they are dropped until the next round is seen

  const doing = (name, hint, key, act) => make("button", { type: "button", title: `${hint} (${key})`, label: hint, onclick: () => act() },
    name, make("kbd", { textContent: key, ariaHidden: "true" }));

  const count = make("span", { className: "llmeng-compare-count" });
  const input = make("div", { className: "llmeng-compare-input", dir: "auto" });
  const panes = [0, 1].map(() => {
    const name = make("span", { className: "llmeng-compare-name" });
    const state = make("span", { className: "llmeng-compare-state" });
    const text = make("div", { className: "llmeng-compare-text", tabIndex: 0, dir: "auto" });
    const error = make("div");
    const note = make("div", { className: "llmeng-note" });
    const node = make("article", { className: "llmeng-compare-pane" }, make("div", { className: "llmeng-compare-whose" }, name, state), text, error, note);
    return { node, name, state, text, error, note };
  });
  const sides = make("div", { className: "llmeng-compare-panes" }, ...panes.map((pane) => pane.node));
  const votes = make("div", { className: "llmeng-compare-votes", role: "group", label: "Your vote" });
  const status = make("div", { className: "llmeng-compare-status", role: "status" });
  const area = make("textarea", { rows: 1, label: "Another input", placeholder: "Ask both something else" });
  const send = make("button", { type: "button", className: "llmeng-send", title: "Ask both (Ctrl+Enter)", textContent: "Ask both", onclick: ask });
  const stop = make("button", { type: "button", className: "llmeng-stop", title: "Stop; what was said is kept (Esc)", textContent: "Stop", onclick: () => request("stop").then(focus) });
  const all = make("button", { type: "button", className: "llmeng-outlined", onclick: () => request("run").then(focus) });
  const again = doing("Ask again", "Ask this once more; what is here stays", "r", () => request("again", { at: model.get("page").at }));
  const tools = make("div", { className: "llmeng-compare-tools", role: "toolbar", label: "Moving" },
    doing("Back", "Go to the round before", "k", () => move(-1)), doing("Next", "Go to the next round", "j", () => move(1)), again,
    ...(setup.blind ? [doing("Undo", "Take the last vote back", "u", () => request("undo"))] : []));
  const reveal = make("button", { type: "button", className: "llmeng-outlined", textContent: "Reveal the names", hidden: !setup.blind, onclick: askReveal });
  const result = make("div", { className: "llmeng-compare-result", hidden: true });
  const meter = make("span");
  const root = make("section", { className: "llmeng-compare", tabIndex: 0, label: setup.title },
    make("div", { className: "llmeng-compare-head" }, make("span", { className: "llmeng-compare-title", textContent: setup.title }), count),
    input, sides, votes, status, tools, result,
    make("div", { className: "llmeng-compare-write" }, area, send, stop, all),
    make("div", { className: "llmeng-compare-foot" }, meter, make("span", { textContent: `Ctrl+Enter asks · Esc stops · j k move${setup.blind ? " · 1 2 3 4 vote" : ""}` }), reveal));
  root.setAttribute("data-lm-suppress-shortcuts", "true");

  const focus = () => root.focus({ preventScroll: true });

  function say(words, bad = false) {
    status.textContent = words ?? "";
    status.classList.toggle("llmeng-bad", bad);
  }

  function request(type, content = {}) {
    const id = ++lastId;
    const silent = "The kernel has not answered yet. It may be busy; if it was restarted, run this cell again.";
    const timer = setTimeout(() => {
      say(silent, true);
      pending = false;
    }, SILENT_MS);
    return new Promise((resolve) => {
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        if (status.textContent === silent) say("");
        if (reply.type === "refused") say(reply.text, true);
        resolve(reply.type !== "refused");
      });
      model.send({ ...content, type, id });
    });
  }

  function receive(message) {
    const reply = waiting.get(message?.id);
    waiting.delete(message?.id);
    reply?.(message);
  }

  const move = (by) => request("move", { by });

  async function ask() {
    const text = area.value;
    if (!text.trim()) return area.focus();
    if (await request("ask", { text }) && area.value === text) {
      area.value = "";
      grow(area);
    }
  }

  // One vote at a time, and each names the round that it is for.
  async function vote(choice) {
    const page = model.get("page");
    if (pending || !setup.blind || page.state !== "done" || page.same) return;
    pending = true;
    root.setAttribute("aria-busy", "true");
    await request("vote", { vote: choice, at: page.at });
    pending = false;
    root.setAttribute("aria-busy", "false");
  }

  function askReveal() {
    const { voted, total } = model.get("page");
    if (voted < total && reveal.dataset.sure !== "yes") {
      reveal.dataset.sure = "yes";
      reveal.textContent = `Reveal with ${number(total - voted)} left? They would no longer be blind`;
      return;
    }
    request("reveal").then(focus);
  }

  function draw() {
    const page = model.get("page");
    const within = root.contains(document.activeElement);
    count.textContent = page.total ? [`${number(page.at + 1)} of ${number(page.total)}`, ...(setup.blind ? [`${number(page.voted)} voted`] : [])].join(" · ") : "";
    input.textContent = page.input;
    input.hidden = !page.total;
    sides.hidden = !page.panes.length;
    page.panes.forEach((pane, index) => {
      const made = panes[index];
      made.node.dataset.state = pane.state;
      made.node.setAttribute("aria-label", pane.name);
      made.node.setAttribute("aria-busy", String(pane.state === "running"));
      made.name.textContent = pane.name;
      made.state.textContent = { waiting: "not asked yet", running: "answering", stopped: "stopped", failed: "failed", done: "" }[pane.state];
      if (made.text.textContent !== pane.text) made.text.textContent = pane.text;
      made.error.innerHTML = pane.error;
      made.note.textContent = pane.note;
    });
    votes.hidden = !setup.blind || page.state !== "done";
    votes.replaceChildren(...(page.same ? [make("span", { className: "llmeng-compare-same", textContent: "Both said the same: there is nothing to choose." })] : VOTES.map(([value, name, keys]) => {
      const node = make("button", { type: "button", className: "llmeng-compare-vote", onclick: () => vote(value) }, name, make("kbd", { textContent: keys[0], ariaHidden: "true" }));
      node.setAttribute("aria-pressed", String(page.vote === value));
      node.setAttribute("aria-keyshortcuts", keys.join(" "));
      return node;
    })));
    const left = page.total - page.asked;
    stop.hidden = !page.busy;
    send.hidden = page.busy;
    all.hidden = page.busy || !left;
    all.textContent = `Ask all that are left (${number(left)})`;
    again.disabled = page.busy || !page.total;
    result.innerHTML = page.result;
    result.hidden = !page.result;
    reveal.hidden = !setup.blind || page.revealed || !page.voted;
    if (reveal.dataset.sure !== "yes") reveal.textContent = "Reveal the names";
    meter.textContent = page.meter;
    say(page.busy ? "Answering" : page.said);
    if (within && !root.contains(document.activeElement)) focus(); // what had the focus is gone
  }

  function drawLive() {
    model.get("live").forEach((text, index) => {
      if (panes[index].node.dataset.state === "running" && text.length >= panes[index].text.textContent.length) panes[index].text.textContent = text;
    });
  }

  root.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
      // saving the notebook is the one shortcut that people expect to work from here
      root.removeAttribute("data-lm-suppress-shortcuts");
      setTimeout(() => root.setAttribute("data-lm-suppress-shortcuts", "true"));
      return;
    }
    event.stopPropagation();
    if (event.isComposing || event.altKey) return;
    const busy = model.get("page").busy;
    const typing = event.target === area;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (!busy && !event.repeat) ask();
    } else if (event.key === "Escape") {
      if (busy) request("stop");
      else focus();
    } else if (typing || event.ctrlKey || event.metaKey) return;
    else {
      const chosen = setup.blind && VOTES.find(([, , keys]) => keys.includes(event.key.toLowerCase()));
      const onText = event.target.classList.contains("llmeng-compare-text");
      if (chosen) event.repeat || vote(chosen[0]);
      else if (event.key === "j" || event.key === "ArrowRight") move(1);
      else if (event.key === "k" || event.key === "ArrowLeft") move(-1);
      else if (event.key === "r" && !event.repeat && !busy) request("again", { at: model.get("page").at });
      else if (event.key === "u" && setup.blind && !event.repeat) request("undo");
      else if (event.key === "n") area.focus();
      else if (event.key === " " && !onText && event.target === root) panes[0].text.scrollBy(0, 200);
      else return;
    }
    event.preventDefault();
  });
  area.addEventListener("input", () => grow(area));
  root.addEventListener("click", (event) => {
    // a click on a button leaves the keys with the comparison
    if (event.target.closest("button") && document.activeElement !== area) focus();
  });

  model.on("msg:custom", receive);
  model.on("change:page", draw);
  model.on("change:live", drawLive);
  draw();
  el.append(root);
  request("hello");
  return () => {
    model.off("msg:custom", receive);
    model.off("change:page", draw);
    model.off("change:live", drawLive);
  };
}

export default { render };
