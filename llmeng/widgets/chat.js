// The view of llmeng.widgets.Chat. It shows what Python sends and sends what the person does.
// HTML comes from Python's `display.to_html` only; everything else is set as text.

const SILENT_MS = 4000; // without a word from the kernel for so long, the person is told

function make(tag, properties = {}, ...children) {
  const { role, label, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (role) node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  node.append(...children);
  return node;
}

const button = (text, label, className, onclick) =>
  make("button", { type: "button", textContent: text, label, title: label, className, onclick });

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function render({ model, el }) {
  const rows = new Map(); // key → { node, answer, shown }
  const waiting = new Map(); // id of a request → what to do with its reply
  let lastId = 0;

  const title = make("span", { className: "llmeng-chat-title" });
  const saveButton = button("Save", "Save the conversation as a Markdown file", "", () => ask("save", {}, { done: say }));
  const cellsButton = button("As cells", "Insert the conversation as cells below", "", asCells);
  const clearButton = button("Clear", "Clear the conversation", "", () => ask("clear").then(focus));
  const log = make("div", { className: "llmeng-chat-log", role: "log", ariaLive: "polite", label: "Conversation", tabIndex: 0 });
  const status = make("div", { className: "llmeng-chat-status", role: "status", hidden: true });
  const undoText = make("span");
  const undo = make("div", { className: "llmeng-chat-status", hidden: true }, undoText,
    button("Undo", "Bring the dropped turns back", "llmeng-outlined", () => ask("undo").then(focus)));
  const unseen = make("div", { className: "llmeng-chat-unseen", role: "status" });
  const input = make("textarea", { rows: 1, placeholder: "Write a message", label: "Message" });
  const go = button("Send", "Send the message", "llmeng-send", () => (model.get("busy") ? stop() : send()));
  const meter = make("span");
  const root = make("section", { className: "llmeng-chat" },
    make("div", { className: "llmeng-chat-head" }, title, saveButton, cellsButton, clearButton),
    log, unseen, status, undo,
    make("div", { className: "llmeng-chat-write" }, input, go),
    make("div", { className: "llmeng-chat-foot" }, meter,
      make("span", { textContent: "Enter sends · Shift+Enter new line · Esc stops" })));
  root.setAttribute("data-lm-suppress-shortcuts", "true");

  function focus() {
    input.focus({ preventScroll: true });
  }

  function say(reply, bad = false) {
    status.textContent = reply?.text ?? "";
    status.classList.toggle("llmeng-bad", bad);
    status.hidden = !status.textContent;
  }

  // Every request is answered; what the person typed is kept until then.
  function ask(type, content = {}, { done, refused } = {}) {
    const id = ++lastId;
    const silent = "The kernel has not answered yet. It may be busy; if it was restarted, run this cell again.";
    const timer = setTimeout(() => say({ text: silent }, true), SILENT_MS);
    return new Promise((resolve) => {
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        say(null);
        if (reply.type === "refused") {
          say(reply, true);
          refused?.(reply);
        } else {
          done?.(reply);
        }
        resolve(reply);
      });
      model.send({ ...content, type, id });
    });
  }

  function receive(message) {
    const reply = waiting.get(message?.id);
    waiting.delete(message?.id);
    reply?.(message);
  }

  function send() {
    const text = input.value;
    if (!text.trim()) return focus();
    input.readOnly = true; // till the kernel has it
    const free = () => {
      input.readOnly = false;
      focus();
    };
    ask("send", { text }, {
      done: () => {
        if (input.value === text) input.value = ""; // not what was typed since, while the kernel was busy
        grow(input);
        log.scrollTop = log.scrollHeight;
        free();
      },
      refused: free,
    });
    setTimeout(() => (input.readOnly = false), SILENT_MS);
    focus();
  }

  function stop() {
    ask("stop");
    focus();
  }

  async function asCells() {
    const { cells } = await ask("cells");
    if (!cells) return;
    // llmeng's JupyterLab extension inserts them and says so by preventDefault; elsewhere they become a file
    const event = new CustomEvent("llmeng:insert-cells", { detail: { cells }, bubbles: true, cancelable: true });
    if (root.dispatchEvent(event)) await ask("notebook", {}, { done: say });
    else say({ text: `${cells.length} cells inserted below` });
    focus();
  }

  function edit(row, place) {
    const area = make("textarea", { rows: 1, value: row.text, label: "Edit the message" });
    const later = model.get("turns").length - 1 - model.get("turns").findIndex((turn) => turn.key === row.key);
    const hint = later ? `Drops ${later === 1 ? "the turn" : `the ${later} turns`} below` : "";
    const kept = [...place.childNodes];
    const close = () => {
      place.replaceChildren(...kept);
      focus();
    };
    const resend = () => {
      if (area.value.trim()) ask("edit", { key: row.key, text: area.value }, { done: focus });
    };
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      else if (entered(event)) resend();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    area.addEventListener("input", () => grow(area));
    place.replaceChildren(make("div", { className: "llmeng-chat-edit" }, area, make("span", { textContent: hint }),
      button("Cancel", "Leave the message as it was", "llmeng-outlined", close),
      button("Resend", "Send the edited message", "llmeng-send", resend)));
    grow(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  const entered = (event) =>
    event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;

  function drawRow(row, number, isLast) {
    const bubble = make("div", { className: "llmeng-chat-bubble", innerHTML: row.said });
    const you = make("div", { className: "llmeng-chat-you" });
    you.append(button("Edit", `Edit message ${number} and send it again`, "llmeng-edit", () => edit(row, you)), bubble);
    const answer = make("div", { className: "llmeng-answer", innerHTML: row.answer });
    answer.classList.toggle("llmeng-chat-wait", row.state === "running" && !row.answer);
    const node = make("article", { className: "llmeng-chat-turn", label: `Turn ${number}` }, you, answer);
    node.dataset.state = row.state;
    node.setAttribute("aria-busy", String(row.state === "running"));
    if (row.error) {
      node.append(make("div", { innerHTML: row.error }));
      if (isLast) {
        node.append(button("Try again", "Ask again with the same message", "llmeng-outlined llmeng-retry",
          () => ask("retry", { key: row.key }).then(focus)));
      }
    }
    if (row.note) node.append(make("div", { className: "llmeng-note", textContent: row.note }));
    return { node, answer };
  }

  function pinned(change) {
    // stay at the end while the person is there, and leave them alone while they read above
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    const { left, top } = meter.getBoundingClientRect();
    const writing = root.contains(document.activeElement) && root.contains(document.elementFromPoint(left + 1, top + 1));
    change();
    if (atEnd) log.scrollTop = log.scrollHeight;
    if (writing) root.lastChild.scrollIntoView({ block: "nearest" });
  }

  function drawTurns() {
    const turns = model.get("turns");
    pinned(() => {
      const keep = new Set(turns.map((row) => row.key));
      for (const [key, { node }] of rows) {
        if (!keep.has(key)) {
          node.remove();
          rows.delete(key);
        }
      }
      turns.forEach((row, index) => {
        const isLast = index === turns.length - 1;
        const shown = JSON.stringify([row, index, isLast && row.error]);
        const old = rows.get(row.key);
        if (old?.shown === shown) return;
        const drawn = { ...drawRow(row, index + 1, isLast), shown };
        if (old) old.node.replaceWith(drawn.node);
        else log.insertBefore(drawn.node, log.children[index] ?? null);
        rows.set(row.key, drawn);
      });
    });
    drawLive();
  }

  function drawLive() {
    const live = model.get("live");
    const row = rows.get(live.key);
    if (!live.answer || row?.node.dataset.state !== "running") return;
    pinned(() => {
      row.answer.classList.remove("llmeng-chat-wait");
      row.answer.innerHTML = live.answer;
    });
  }

  function drawBusy() {
    const busy = model.get("busy");
    go.textContent = busy ? "Stop" : "Send";
    go.className = busy ? "llmeng-stop" : "llmeng-send";
    go.title = busy ? "Stop the answer" : "Send the message";
    go.setAttribute("aria-label", go.title);
    for (const node of log.querySelectorAll(".llmeng-edit, .llmeng-retry")) node.disabled = busy;
    const none = !model.get("turns").length;
    saveButton.disabled = cellsButton.disabled = busy || none;
    clearButton.disabled = none;
    unseen.textContent = busy ? "Answering" : "";
  }

  function draw() {
    title.textContent = model.get("title");
    root.setAttribute("aria-label", model.get("title"));
    meter.textContent = model.get("meter");
    undoText.textContent = model.get("undo");
    undo.hidden = !model.get("undo");
    drawTurns();
    drawBusy();
  }

  root.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
      // saving the notebook is the one shortcut that people expect to work from here
      root.removeAttribute("data-lm-suppress-shortcuts");
      setTimeout(() => root.setAttribute("data-lm-suppress-shortcuts", "true"));
      return;
    }
    event.stopPropagation();
    if (event.key === "Escape" && model.get("busy")) {
      event.preventDefault();
      stop();
    }
  });
  input.addEventListener("keydown", (event) => {
    if (!entered(event)) return;
    event.preventDefault();
    if (!model.get("busy") && !input.readOnly) send();
  });
  input.addEventListener("input", () => grow(input));

  model.on("msg:custom", receive);
  model.on("change:turns change:busy change:meter change:undo change:title", draw);
  model.on("change:live", drawLive);
  draw();
  el.append(root);
  log.scrollTop = log.scrollHeight;
  ask("hello");
  return () => {
    model.off("msg:custom", receive);
    model.off("change:turns change:busy change:meter change:undo change:title", draw);
    model.off("change:live", drawLive);
  };
}

export default { render };
