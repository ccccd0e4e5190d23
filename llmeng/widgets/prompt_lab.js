// The view of llmeng.widgets.PromptLab: a template and its inputs, the answers beside each other, scores below.
// Text of templates, inputs and models is set as text. HTML comes from Python only, escaped there: errors, scores, diffs.

const SILENT_MS = 4000; // without a word from the kernel for so long, the person is told
const PAUSE_MS = 150; // of typing, before what was typed is sent
const QUIET_MS = 600; // of typing, before it is called wrong: in the middle of a word it always is

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

// What the text behind the template's own marks: roles, inputs, blocks, and the line that is wrong.
const SIGNS = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}|\{#[\s\S]*?#\}|^(?:system|user|assistant):[ \t]*$/gm;

function marked(text, wrong) {
  const spans = [...text.matchAll(SIGNS)].map(({ index, 0: sign }) => {
    const kind = sign.startsWith("{{") ? "input" : sign.startsWith("{%") ? "block" : sign.startsWith("{#") ? "comment" : "role";
    return [index, index + sign.length, kind];
  });
  if (wrong) {
    const lines = text.split("\n");
    const start = lines.slice(0, wrong - 1).reduce((sum, line) => sum + line.length + 1, 0);
    if (wrong <= lines.length) spans.push([start, start + Math.max(1, lines[wrong - 1].length), "wrong"]);
  }
  const edges = [...new Set([0, text.length, ...spans.flatMap(([start, end]) => [start, Math.min(end, text.length)])])].sort((a, b) => a - b);
  const pieces = edges.slice(0, -1).map((start, index) => {
    const end = edges[index + 1];
    const over = spans.filter((span) => span[0] <= start && end <= span[1]).map((span) => `llmeng-lab-${span[2]}`);
    return over.length ? make("span", { className: over.join(" "), textContent: text.slice(start, end) }) : document.createTextNode(text.slice(start, end));
  });
  return [...pieces, document.createTextNode("\u200b")]; // the last line has a height, even when it is empty
}

// Boxes to tick; what was ticked stays ticked while there are the same names.
function ticks(legend, on, changed) {
  const node = make("div", { className: "llmeng-lab-ticks", role: "group", label: legend });
  const ticked = new Map();
  let drawn = null;
  return {
    node,
    draw(names, extra = () => []) {
      if (drawn === JSON.stringify(names)) return; // whoever stands on a box stays there
      drawn = JSON.stringify(names);
      node.hidden = names.length === 0;
      node.replaceChildren(make("span", { className: "llmeng-lab-legend", textContent: legend }), ...names.map((name) => {
        if (!ticked.has(name)) ticked.set(name, on);
        const box = make("input", { type: "checkbox", checked: ticked.get(name), onchange: () => {
          ticked.set(name, box.checked);
          changed();
        } });
        return make("span", { className: "llmeng-lab-tick" }, make("label", {}, box, make("span", { textContent: name })), ...extra(name));
      }));
    },
    chosen: (names) => names.filter((name) => ticked.get(name)),
  };
}

function render({ model, el }) {
  const setup = model.get("setup");
  const waiting = new Map(); // id of a request → what to do with its reply
  const late = new Map(); // what was typed and not yet sent: key → { timer, send }
  const sending = new Map(); // how many edits of a key are on their way
  const rows = new Map(); // key of a lane → its nodes
  const inputs = new Map(); // name of an input → its nodes
  let lastId = 0;
  let quiet = true; // nobody is typing in the template
  let quietTimer = 0;
  let place = -1; // of the sample that was taken

  // The template
  const title = make("span", { className: "llmeng-lab-title", textContent: setup.title });
  const version = make("span", { className: "llmeng-lab-version", title: "The version that the text is" });
  const options = make("span", { className: "llmeng-lab-options", textContent: setup.options, hidden: !setup.options });
  const saveButton = button("Save…", "Save the version to the library", "llmeng-outlined", openSave);
  const mirror = make("div", { className: "llmeng-lab-mirror", ariaHidden: "true" });
  const area = make("textarea", { label: "Template", spellcheck: false, rows: 1,
    placeholder: "Write the prompt. {{ name }} is an input; a line that is only “system:”, “user:” or “assistant:” begins that role." });
  area.setAttribute("autocapitalize", "off");
  const problem = make("div", { className: "llmeng-lab-problem", role: "alert", id: `llmeng-lab-${Math.random().toString(36).slice(2)}`, hidden: true });
  const size = make("span", { className: "llmeng-lab-size" });
  const editor = make("div", { className: "llmeng-lab-editor" }, make("div", { className: "llmeng-lab-stack" }, mirror, area));

  // The inputs
  const fields = make("div", { className: "llmeng-lab-fields" });
  const none = make("p", { className: "llmeng-lab-none" }, "Write ", make("code", { textContent: "{{ name }}" }), " in the template, and its field appears here.");
  const sampleText = make("span");
  const stepper = make("span", { className: "llmeng-lab-stepper", role: "group", label: "Samples", hidden: !setup.samples },
    button("◂", "Fill in the sample before (Alt+Up)", "", () => take(-1)), sampleText, button("▸", "Fill in the next sample (Alt+Down)", "", () => take(1)));

  // What is done with them
  const modelTicks = ticks("Models", true, drawCalls);
  const versionTicks = ticks("Run beside", false, drawCalls);
  const run = button("Run", "Run the prompt (Ctrl+Enter)", "llmeng-send", askRun);
  const stop = button("Stop", "Stop; what was answered is kept (Esc)", "llmeng-stop", askStop);
  const score = button("Score", "Score on the samples (Ctrl+Shift+Enter)", "llmeng-outlined", askScore);
  const many = make("input", { type: "number", min: 1, max: setup.samples, value: setup.n, label: "How many samples", oninput: drawCalls });
  const calls = make("span", { className: "llmeng-lab-calls" });
  const scoring = make("span", { className: "llmeng-lab-scoring", hidden: !setup.scored }, score, " on ", many, ` of ${setup.samples.toLocaleString("en")} samples `, calls);
  const status = make("div", { className: "llmeng-lab-status", role: "status" });
  const lanes = make("div", { className: "llmeng-lab-lanes", role: "group", label: "Answers" });
  const scores = make("div", { className: "llmeng-lab-scores", role: "group", label: "Scores" });
  const luck = make("p", { className: "llmeng-lab-luck", hidden: true,
    textContent: "The best of several versions on the same samples looks better than it is. Confirm it on fresh ones." });

  // What is folded
  const since = make("select", { label: "Since which version", onchange: look });
  const diffBody = make("div", { className: "llmeng-lab-folded" });
  const diff = make("details", { ontoggle: look }, make("summary", { textContent: "Changes" }), make("label", { className: "llmeng-lab-since" }, "since ", since), diffBody);
  const sentFor = make("select", { label: "For which model", onchange: look },
    ...setup.models.map((name) => make("option", { value: name, textContent: name })));
  const sentBody = make("div", { className: "llmeng-lab-folded" });
  const sent = make("details", { ontoggle: look }, make("summary", { textContent: "As it is sent" }),
    make("label", { className: "llmeng-lab-since", hidden: setup.models.length < 2 }, "to ", sentFor), sentBody);

  // Saving
  const saveName = make("input", { type: "text", value: setup.name, placeholder: "summarise", required: true });
  const saveLabel = make("input", { type: "text", placeholder: "candidate" });
  const saveNotes = make("input", { type: "text", placeholder: "what is new in it" });
  const saving = make("form", { className: "llmeng-lab-save", hidden: true, label: "Save to the library" },
    make("label", {}, "Name", saveName), make("label", {}, "Label (optional)", saveLabel),
    make("label", { className: "llmeng-lab-wide" }, "Notes (optional)", saveNotes),
    make("span", { className: "llmeng-lab-buttons" }, make("button", { type: "submit", className: "llmeng-send", textContent: "Save" }),
      button("Cancel", "Save nothing", "llmeng-outlined", closeSave)));

  const meter = make("span");
  const root = make("section", { className: "llmeng-lab", label: setup.title },
    make("div", { className: "llmeng-lab-head" }, title, version, options, saveButton),
    saving,
    make("div", { className: "llmeng-lab-work" },
      make("div", { className: "llmeng-lab-template" }, make("div", { className: "llmeng-lab-label" }, make("span", { textContent: "Template" }), size), editor, problem),
      make("div", { className: "llmeng-lab-inputs" }, make("div", { className: "llmeng-lab-label" }, make("span", { textContent: "Inputs" }), stepper), fields, none)),
    make("div", { className: "llmeng-lab-controls" }, modelTicks.node, versionTicks.node,
      make("div", { className: "llmeng-lab-buttons" }, run, stop, scoring), status),
    lanes, make("div", { className: "llmeng-lab-results" }, scores, luck), diff, sent,
    make("div", { className: "llmeng-lab-foot" }, meter,
      make("span", { textContent: `Ctrl+Enter runs · Esc stops${setup.scored ? " · Ctrl+Shift+Enter scores" : ""}${setup.samples ? " · Alt+↑↓ samples" : ""}` })));
  root.setAttribute("data-lm-suppress-shortcuts", "true");

  function say(words, bad = false) {
    status.textContent = words ?? "";
    status.classList.toggle("llmeng-bad", bad);
  }

  // Every request is answered; what was typed stays where it is, whatever the answer.
  function ask(type, content = {}) {
    const id = ++lastId;
    const silent = "The kernel has not answered yet. It may be busy; if it was restarted, run this cell again.";
    const timer = setTimeout(() => say(silent, true), SILENT_MS);
    return new Promise((resolve) => {
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        if (status.textContent === silent) say("");
        if (reply.type === "refused") {
          say(reply.text, true);
          inputs.get(reply.field)?.box.focus();
        }
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

  // What is typed is sent in the pauses, and before anything that depends on it.
  function later(key, type, content) {
    clearTimeout(late.get(key)?.timer);
    const send = async () => {
      clearTimeout(late.get(key)?.timer);
      late.delete(key);
      sending.set(key, (sending.get(key) ?? 0) + 1);
      await ask(type, content());
      sending.set(key, sending.get(key) - 1);
      draw();
    };
    late.set(key, { timer: setTimeout(send, PAUSE_MS), send });
  }

  const unsent = (key) => late.has(key) || sending.get(key) > 0;

  function flush() {
    for (const { send } of [...late.values()]) send();
  }

  const versionNames = () => model.get("marks").versions.map((known) => known.name);
  const besides = () => versionNames().filter((name) => name !== model.get("draft").version);
  const plan = () => ({ models: setup.models.length > 1 ? modelTicks.chosen(setup.models) : setup.models, versions: versionTicks.chosen(besides()) });

  const wanted = () => Math.min(setup.samples, Math.max(1, Math.round(Number(many.value)) || setup.n));

  function drawCalls() {
    const { models, versions } = plan();
    const n = wanted() * models.length * (1 + versions.length);
    calls.textContent = `(${n.toLocaleString("en")} calls)`;
  }

  function askRun() {
    flush();
    say("");
    ask("run", plan());
  }

  function askScore() {
    if (!setup.scored) return;
    flush();
    say("");
    ask("score", { ...plan(), n: wanted() });
  }

  function askStop() {
    ask("stop");
  }

  function take(by) {
    if (!setup.samples) return;
    flush();
    place = (place + by + setup.samples) % setup.samples;
    ask("take", { sample: place }).then(draw);
  }

  function restore(name) {
    flush();
    ask("restore", { version: name }).then(() => area.focus({ preventScroll: true }));
  }

  function look() {
    const open = {};
    if (diff.open) open.diff = since.value;
    if (sent.open) open.sent = sentFor.value;
    ask("look", { open });
  }

  function openSave() {
    saving.hidden = false;
    saveName.focus();
    saveName.select();
  }

  function closeSave() {
    saving.hidden = true;
    saveButton.focus();
  }

  saving.addEventListener("submit", async (event) => {
    event.preventDefault();
    flush();
    if (await ask("save", { name: saveName.value.trim(), label: saveLabel.value.trim(), notes: saveNotes.value.trim() })) {
      saveNotes.value = "";
      closeSave();
    }
  });

  function drawMirror() {
    mirror.replaceChildren(...marked(area.value, unsent("text") || !quiet ? null : model.get("draft").problem?.line));
  }

  function field(row) {
    const key = `input ${row.name}`;
    const tag = row.choices.length ? "select" : "textarea";
    const box = make(tag, { className: "llmeng-lab-value" });
    if (tag === "select") box.append(make("option", { value: "", textContent: row.required ? "choose" : `${row.default} (default)` }), ...row.choices.map((choice) => make("option", { value: choice, textContent: choice })));
    else Object.assign(box, { rows: 1, spellcheck: false });
    const name = make("span", { className: "llmeng-lab-name", textContent: row.name });
    const kind = make("span", { className: "llmeng-lab-kind", textContent: row.type });
    const about = make("div", { className: "llmeng-lab-about" });
    const wrong = make("div", { className: "llmeng-lab-wrong-value", role: "alert" });
    box.addEventListener("input", () => {
      if (tag === "textarea") grow(box);
      later(key, "input", () => ({ name: row.name, text: box.value }));
    });
    const node = make("div", { className: "llmeng-lab-field" }, make("label", {}, name, kind, box), about, wrong);
    return { node, box, kind, about, wrong, key, shape: JSON.stringify([row.choices, row.required, row.default]) };
  }

  function drawFields(draft) {
    const wanted = new Set(draft.fields.map((row) => row.name));
    for (const [name, made] of inputs) {
      const row = draft.fields.find((row) => row.name === name);
      if (wanted.has(name) && JSON.stringify([row.choices, row.required, row.default]) === made.shape) continue;
      made.node.remove();
      inputs.delete(name);
    }
    draft.fields.forEach((row, index) => {
      if (!inputs.has(row.name)) inputs.set(row.name, field(row));
      const made = inputs.get(row.name);
      if (fields.children[index] !== made.node) fields.insertBefore(made.node, fields.children[index] ?? null);
      made.kind.textContent = row.type;
      made.about.textContent = row.about;
      made.about.hidden = !row.about;
      if (made.box.tagName === "TEXTAREA") made.box.placeholder = row.required ? "" : row.default;
      if (!unsent(made.key) && made.box.value !== row.text) {
        made.box.value = row.text;
        if (made.box.tagName === "TEXTAREA") requestAnimationFrame(() => grow(made.box));
      }
      made.wrong.textContent = unsent(made.key) ? "" : row.problem;
      made.wrong.hidden = !made.wrong.textContent;
      made.box.setAttribute("aria-invalid", String(Boolean(row.problem)));
    });
    none.hidden = draft.fields.length > 0;
  }

  function drawDraft() {
    const draft = model.get("draft");
    if (!unsent("text") && area.value !== draft.text) area.value = draft.text;
    version.textContent = draft.version;
    version.classList.toggle("llmeng-lab-unnamed", draft.version === "draft");
    const wrong = unsent("text") || !quiet ? null : draft.problem;
    problem.textContent = wrong?.text ?? "";
    problem.hidden = !wrong;
    area.setAttribute("aria-invalid", String(Boolean(wrong)));
    if (wrong) area.setAttribute("aria-describedby", problem.id);
    else area.removeAttribute("aria-describedby");
    drawMirror();
    drawFields(draft);
    sampleText.textContent = place < 0 ? `${setup.samples.toLocaleString("en")} samples` : `${place + 1} of ${setup.samples.toLocaleString("en")}`;
  }

  function lane(row) {
    const text = make("div", { className: "llmeng-lab-text", tabIndex: 0, dir: "auto" });
    const error = make("div", { innerHTML: row.error });
    const note = make("div", { className: "llmeng-note llmeng-lab-took" });
    const state = make("span", { className: "llmeng-lab-state" });
    const detail = make("div", { className: "llmeng-lab-detail" });
    const folded = make("details", { className: "llmeng-note", hidden: true }, make("summary", { textContent: "How it was made" }), detail);
    const node = make("article", { className: "llmeng-lab-lane", label: `${row.version}, ${row.model}` },
      make("div", { className: "llmeng-lab-whose" }, make("strong", { textContent: row.version }), make("span", { textContent: row.model }), state), text, error, note, folded);
    return { node, text, error, note, state, detail, folded };
  }

  function drawLanes() {
    const drawn = model.get("lanes");
    const keep = new Set(drawn.map((row) => row.key));
    for (const [key, { node }] of rows) {
      if (keep.has(key)) continue;
      node.remove();
      rows.delete(key);
    }
    drawn.forEach((row, index) => {
      if (!rows.has(row.key)) rows.set(row.key, lane(row));
      const made = rows.get(row.key);
      if (lanes.children[index] !== made.node) lanes.insertBefore(made.node, lanes.children[index] ?? null);
      made.node.dataset.state = row.state;
      made.node.setAttribute("aria-busy", String(row.state === "running" || row.state === "waiting"));
      if (made.text.textContent !== row.text && (row.state !== "running" || row.text.length > made.text.textContent.length)) made.text.textContent = row.text;
      made.state.textContent = { waiting: "waiting", running: "answering", stopped: "stopped", failed: "failed", done: "" }[row.state];
      if (made.error.dataset.shown !== row.error) {
        made.error.innerHTML = row.error;
        made.error.dataset.shown = row.error;
      }
      if (made.detail.dataset.shown !== row.detail) {
        made.detail.innerHTML = row.detail;
        made.detail.dataset.shown = row.detail;
        made.folded.hidden = !row.detail;
      }
      made.note.textContent = row.note;
    });
    lanes.hidden = !drawn.length;
  }

  function drawLive() {
    for (const [key, text] of Object.entries(model.get("live"))) {
      const made = rows.get(Number(key));
      if (made?.node.dataset.state !== "running") continue;
      const atEnd = made.text.scrollHeight - made.text.scrollTop - made.text.clientHeight < 40;
      made.text.textContent = text;
      if (atEnd) made.text.scrollTop = made.text.scrollHeight;
    }
  }

  let said = null;
  function drawMarks() {
    const marks = model.get("marks");
    const draft = model.get("draft");
    modelTicks.draw(setup.models.length > 1 ? setup.models : []);
    versionTicks.draw(besides(), (name) => [button("↶", `Go back to ${name}`, "llmeng-lab-back", () => restore(name))]);
    const names = versionNames();
    if (JSON.stringify(names) !== since.dataset.names) {
      const was = since.value;
      since.replaceChildren(...names.map((name) => make("option", { value: name, textContent: name })));
      since.value = names.includes(was) ? was : names[0] ?? "";
      since.dataset.names = JSON.stringify(names);
    }
    diff.hidden = !names.length;
    const busy = Boolean(marks.busy);
    run.disabled = score.disabled = busy;
    stop.hidden = !busy;
    if (scores.dataset.shown !== marks.scores) {
      scores.innerHTML = marks.scores;
      scores.dataset.shown = marks.scores;
    }
    drawCalls();
    luck.hidden = marks.n_scored < 3;
    scores.parentElement.hidden = !marks.scores;
    meter.textContent = marks.meter;
    const words = marks.busy === "scoring" ? `Scoring ${marks.progress}` : marks.busy ? "Answering" : marks.said;
    if (words !== said) {
      said = words;
      say(words, words.startsWith("Not scored"));
    }
    saveButton.disabled = !draft.text.trim();
  }

  function drawFolded() {
    const folded = model.get("folded");
    diffBody.innerHTML = folded.diff ?? "";
    sentBody.innerHTML = folded.sent ?? "";
  }

  function drawSize() {
    size.textContent = model.get("size");
  }

  function draw() {
    drawDraft();
    drawLanes();
    drawMarks();
  }

  area.addEventListener("input", () => {
    later("text", "edit", () => ({ text: area.value }));
    quiet = false;
    clearTimeout(quietTimer);
    quietTimer = setTimeout(() => {
      quiet = true;
      drawDraft();
    }, QUIET_MS);
    problem.hidden = true;
    drawMirror();
  });
  const keys = (event) => {
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
      // saving the notebook is the one shortcut that people expect to work from here
      root.removeAttribute("data-lm-suppress-shortcuts");
      setTimeout(() => root.setAttribute("data-lm-suppress-shortcuts", "true"));
      return;
    }
    event.stopPropagation();
    if (event.isComposing) return;
    const busy = Boolean(model.get("marks").busy);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (busy || event.repeat) return event.preventDefault();
      if (event.shiftKey) askScore();
      else askRun();
    } else if (event.key === "Escape" && busy) askStop();
    else if (event.key === "Escape" && !saving.hidden) closeSave();
    else if (event.altKey && event.key === "ArrowDown") take(1);
    else if (event.altKey && event.key === "ArrowUp") take(-1);
    else return;
    event.preventDefault();
  };
  root.addEventListener("keydown", keys);

  model.on("msg:custom", receive);
  model.on("change:draft change:lanes change:marks", draw);
  model.on("change:live", drawLive);
  model.on("change:folded", drawFolded);
  model.on("change:size", drawSize);
  draw();
  drawFolded();
  drawSize();
  el.append(root);
  ask("hello");
  return () => {
    for (const { timer } of late.values()) clearTimeout(timer);
    clearTimeout(quietTimer);
    model.off("msg:custom", receive);
    model.off("change:draft change:lanes change:marks", draw);
    model.off("change:live", drawLive);
    model.off("change:folded", drawFolded);
    model.off("change:size", drawSize);
  };
}

export default { render };
