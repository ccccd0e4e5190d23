// The view of a labelling session (llmeng.widgets.Annotate, Blind). It shows the one item that Python sends and
// sends what the person answers. HTML comes from Python's `display.to_html` only; everything else is set as text.

const SILENT_MS = 4000; // without a word from the kernel for so long, the person is told
const PAUSE_MS = 60_000; // without a key or a move of the mouse for so long, nobody is looking

function make(tag, properties = {}, ...children) {
  const { role, label, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (role) node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  node.append(...children);
  return node;
}

const number = (value) => value.toLocaleString("en");

// Python counts characters (code points), the page counts UTF-16 units: an emoji is one and two.
const toPoints = (text, units) => [...text.slice(0, units)].length;

function toUnits(text, points) {
  let units = 0;
  for (let left = points; left > 0 && units < text.length; left--) units += text.codePointAt(units) > 0xffff ? 2 : 1;
  return units;
}

// A text with marked parts. Selecting is the page's own selection, by mouse or by key.
function spanned(text, names, say) {
  const node = make("div", { className: "llmeng-session-text", dir: "auto", tabIndex: 0, role: "document", label: "Text" });
  const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  let words = null;
  let chosen = null; // [anchor, head] in units
  let spans = [];

  const parts = () => (words ??= [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)]
    .filter(({ segment }) => /\S/.test(segment)).map(({ index, segment }) => [index, index + segment.length]));
  const before = (at) => letters.containing(Math.min(at, text.length - 1))?.index ?? 0; // never into a letter
  const after = (at) => {
    const here = at > 0 && at < text.length ? letters.containing(at) : null;
    return here && here.index < at ? here.index + here.segment.length : at;
  };

  function range() {
    if (!chosen) return null;
    let [start, end] = [Math.min(...chosen), Math.max(...chosen)];
    while (start < end && /\s/.test(text[start])) start++;
    while (start < end && /\s/.test(text[end - 1])) end--;
    return start < end ? [start && before(start), after(end)] : null;
  }

  function unitsOf(container, offset) {
    const upTo = document.createRange();
    upTo.setStart(node, 0);
    upTo.setEnd(container, offset);
    return upTo.toString().length;
  }

  function placeOf(units) {
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    let left = units;
    let last = null;
    while (walker.nextNode()) {
      last = walker.currentNode;
      if (left <= last.length) return [last, left];
      left -= last.length;
    }
    return last ? [last, last.length] : [node, 0];
  }

  function showChosen() {
    if (!chosen) return;
    const [anchor, head] = chosen;
    getSelection().setBaseAndExtent(...placeOf(anchor), ...placeOf(head));
    const box = getSelection().rangeCount && getSelection().getRangeAt(0).getBoundingClientRect();
    const frame = node.getBoundingClientRect();
    if (box && box.bottom > frame.bottom) node.scrollTop += box.bottom - frame.bottom + 8;
    if (box && box.top < frame.top) node.scrollTop -= frame.top - box.top + 8;
  }

  function readChosen() {
    const selection = getSelection();
    if (!selection.rangeCount || !node.contains(selection.anchorNode) || !node.contains(selection.focusNode)) return;
    chosen = [unitsOf(selection.anchorNode, selection.anchorOffset), unitsOf(selection.focusNode, selection.focusOffset)];
  }

  function draw(now) {
    spans = now.map(([start, end, name]) => [toUnits(text, start), toUnits(text, end), name]);
    const edges = [...new Set([0, text.length, ...spans.flatMap(([start, end]) => [start, end])])].sort((a, b) => a - b);
    const pieces = edges.slice(0, -1).map((start, index) => {
      const end = edges[index + 1];
      const over = spans.filter((span) => span[0] <= start && end <= span[1]);
      if (!over.length) return document.createTextNode(text.slice(start, end));
      const piece = make("mark", { textContent: text.slice(start, end), title: over.map((span) => span[2]).join(", ") });
      piece.style.setProperty("--n", over.length);
      // each span has a line of its own below the words, so that spans that overlap are all seen
      const lines = over.map((span, row) => `linear-gradient(var(--llmeng-hue-${names.indexOf(span[2]) % 8}) 0 0) 0 calc(100% - ${row * 3}px) / 100% 2px no-repeat`);
      piece.style.background = [...lines, `color-mix(in srgb, var(--llmeng-hue-${names.indexOf(over[0][2]) % 8}) 18%, transparent)`].join(", ");
      const ending = over.filter((span) => span[1] === end).map((span) => span[2]); // shown after it, and no part of the text
      if (ending.length) piece.dataset.names = ending.join(" · ");
      return piece;
    });
    node.replaceChildren(...pieces);
    if (node.contains(document.activeElement) || document.activeElement?.contains(node)) showChosen();
  }

  // words by arrow, more of them with Shift; with Alt the end by one letter, with Alt and Shift the start
  function step(event, by) {
    const all = parts();
    if (!all.length) return;
    const now = range();
    if (event.altKey && now) {
      const [start, end] = now;
      const shift = (at) => (by > 0 ? at + (letters.containing(at)?.segment.length ?? 0) : at && before(at - 1));
      const moved = event.shiftKey ? [shift(start), end] : [start, shift(end)];
      if (moved[0] < moved[1]) chosen = moved;
    } else if (!now) {
      chosen = [...all[by > 0 ? 0 : all.length - 1]];
    } else {
      const back = chosen[1] < chosen[0];
      const first = all.findIndex(([, end]) => end > now[0]);
      const last = all.findLastIndex(([start]) => start < now[1]);
      const clamp = (index) => Math.max(0, Math.min(index, all.length - 1));
      if (!event.shiftKey) {
        chosen = [...all[clamp((by > 0 ? last : first) + by)]];
      } else {
        // the word where it began stays; the other end moves, and may cross it
        const stays = back ? last : first;
        const moves = clamp((back ? first : last) + by);
        chosen = moves >= stays ? [all[stays][0], all[moves][1]] : [all[stays][1], all[moves][0]];
      }
    }
    showChosen();
    const picked = range();
    if (picked) say(`Selected: ${text.slice(...picked)}`);
  }

  return {
    node,
    draw,
    step,
    read: readChosen,
    edge: (last) => {
      const all = parts();
      if (all.length) chosen = [...all[last ? all.length - 1 : 0]];
      showChosen();
    },
    picked: () => range()?.map((units) => toPoints(text, units)),
    words: ([start, end]) => text.slice(toUnits(text, start), toUnits(text, end)),
  };
}

function render({ model, el }) {
  const setup = model.get("setup");
  const { kind, options } = setup;
  const waiting = new Map(); // id of a request → what to do with its reply
  let lastId = 0;
  let pending = false; // an answer is on its way; keys wait for nobody, so they are dropped until the next item is seen
  let drawnAt = null;
  let text = null; // the text with spans
  let looked = 0; // ms spent on the item
  let since = null;

  const doing = (name, hint, key, act) => make("button", { type: "button", title: `${hint} (${key})`, label: hint, onclick: () => act() },
    name, make("kbd", { textContent: key, ariaHidden: "true" }));

  const count = make("span", { className: "llmeng-session-count" });
  const bar = make("progress", { label: "Labelled" });
  const helpButton = doing("Keys", "Show the keys", "?", toggleHelp);
  const guidelines = make("details", { className: "llmeng-session-guidelines", hidden: !setup.guidelines },
    make("summary", { textContent: "Guidelines" }), make("div", { className: "llmeng-answer", innerHTML: setup.guidelines }));
  const main = make("div", { className: "llmeng-session-main" });
  const answers = make("div", { className: "llmeng-session-answers", role: "group", label: "Answers" });
  const marked = make("ul", { className: "llmeng-session-spans", label: "Spans", hidden: true });
  const noteInput = make("input", { type: "text", label: "Why somebody should look at it", placeholder: "Why? (Enter saves, Esc leaves)" });
  const unflag = make("button", { type: "button", textContent: "Remove the flag", className: "llmeng-outlined", onclick: () => sendFlag(false) });
  const noteBox = make("div", { className: "llmeng-session-note", hidden: true }, noteInput, unflag);
  const status = make("div", { className: "llmeng-session-status", role: "status" });
  const unseen = make("div", { className: "llmeng-session-unseen", role: "status" });
  const tools = make("div", { className: "llmeng-session-tools", role: "toolbar", label: "Moving" },
    doing("Back", "Go to the item before", "k", () => move(-1)), doing("Next", "Go to the next item", "j", () => move(1)),
    doing("Skip", "Leave the item for later", "s", skip), doing("Flag", "Flag the item, with a note", "f", openNote),
    doing("Undo", "Take back the last answer", "u", () => answer("undo")), helpButton);
  const help = make("div", { className: "llmeng-session-help", hidden: true }, make("dl", {}, ...helpRows()));
  const agreement = make("div", { className: "llmeng-session-agreement" });
  const result = make("div", { className: "llmeng-session-result", hidden: true });
  const reveal = make("button", { type: "button", className: "llmeng-outlined", hidden: !setup.reveals, onclick: askReveal });
  const hint = make("span", { className: "llmeng-session-hint", textContent: "Click here, or press Tab, to answer by keys" });
  const root = make("section", { className: "llmeng-session", tabIndex: 0, label: `${setup.title}, ${setup.annotator}` },
    make("div", { className: "llmeng-session-head" },
      make("span", { className: "llmeng-session-title", textContent: setup.title }),
      make("span", { className: "llmeng-session-who", textContent: setup.annotator }), count, bar),
    guidelines, main, marked, answers, noteBox, status, tools, help, result,
    make("div", { className: "llmeng-session-foot" }, agreement, reveal, hint), unseen);
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.dataset.kind = kind;

  function helpRows() {
    const rows = options.map((option) => [option.keys.join(" or "), option.name]);
    if (kind === "spans") {
      rows.push(["← →", "the word before or after"], ["Shift ← →", "more or fewer words"], ["Alt ← →", "the end by one letter; with Shift the start"],
        ["Backspace", "remove the span at the selection"], ["Enter", "these are all the spans: next item"]);
    } else if (kind === "text") {
      rows.push(["Enter", "save and go on; in between, into the text"], ["Shift Enter", "a new line"], ["Esc", "out of the text, to the keys"]);
    } else {
      rows.push(["← →", "the item before or after"], ["Enter", "keep the answer shown, or take the suggested one"]);
    }
    rows.push(["j k", "the item after or before"], ["s", "skip"], ["f", "flag, with a note"], ["u", "undo"], ["?", "these keys"]);
    return rows.flatMap(([keys, what]) => [make("dt", {}, make("kbd", { textContent: keys })), make("dd", { textContent: what })]);
  }

  const focus = () => root.focus({ preventScroll: true });

  function say(words, bad = false) {
    status.textContent = words ?? "";
    status.classList.toggle("llmeng-bad", bad);
  }

  function ask(type, content = {}) {
    const id = ++lastId;
    const silent = "The kernel has not answered yet. It may be busy; if it was restarted, run this cell again: what was saved is kept.";
    const timer = setTimeout(() => {
      say(silent, true);
      pending = false;
    }, SILENT_MS);
    return new Promise((resolve) => {
      waiting.set(id, (reply) => {
        clearTimeout(timer);
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

  // One answer at a time, and each names the item that it is for.
  async function answer(type, content = {}) {
    if (pending) return false;
    pending = true;
    root.setAttribute("aria-busy", "true");
    const took = since === null ? looked : looked + performance.now() - since;
    const done = await ask(type, { ...content, at: model.get("page").at, spent_s: Math.round(took / 10) / 100 });
    pending = false;
    root.setAttribute("aria-busy", "false");
    return done;
  }

  const move = (by) => answer("move", { by });

  function skip() {
    if (model.get("page").item) answer("skip");
  }

  function choose(option) {
    if (!model.get("page").item) return;
    if (kind === "spans") return mark(option);
    answer("label", { value: option.value });
  }

  function mark(option) {
    const picked = text.picked();
    if (!picked) return say("Select a part of the text first: with the mouse, or with ← and →.", true);
    const spans = model.get("page").value ?? [];
    const same = ([start, end, name]) => start === picked[0] && end === picked[1] && name === option.value;
    const left = spans.filter((span) => !same(span));
    if (left.length === spans.length) left.push([...picked, option.value]);
    answer("draft", { value: left });
  }

  function unmark() {
    const spans = model.get("page").value ?? [];
    const picked = text.picked();
    const under = picked ? spans.filter(([start, end]) => start < picked[1] && picked[0] < end) : [];
    under.sort((a, b) => a[1] - a[0] - (b[1] - b[0])); // the shortest of those that overlap
    if (under.length) answer("draft", { value: spans.filter((span) => span !== under[0]) });
    else say("No span at the selection.", true);
  }

  function confirm() {
    const { item, value, suggested } = model.get("page");
    if (!item) return;
    if (kind === "spans") answer("label", { value: value ?? suggested?.value ?? [] });
    else if (kind === "text") main.querySelector("textarea").focus();
    else if (value !== null) move(1);
    else if (suggested) answer("label", { value: suggested.value });
    else say("No answer yet.", true);
  }

  function toggleHelp() {
    help.hidden = !help.hidden;
    helpButton.setAttribute("aria-expanded", String(!help.hidden));
    focus();
  }

  function openNote() {
    const { item, flag } = model.get("page");
    if (!item) return;
    noteInput.value = flag ?? "";
    unflag.hidden = flag === null;
    noteBox.hidden = false;
    noteInput.focus();
  }

  async function sendFlag(on) {
    if (await answer("flag", { note: noteInput.value, on })) closeNote();
  }

  function closeNote() {
    noteBox.hidden = true;
    focus();
  }

  function askReveal() {
    const { done, total } = model.get("page");
    if (done < total && reveal.dataset.sure !== "yes") {
      reveal.dataset.sure = "yes";
      reveal.textContent = `Reveal with ${total - done} left? They would no longer be blind`;
    } else {
      answer("reveal").then(focus);
    }
  }

  function block(part, className) {
    return part.html === undefined ? make("div", { className: `${className} llmeng-session-plain`, dir: "auto", textContent: part.text })
      : make("div", { className: `${className} llmeng-answer`, innerHTML: part.html });
  }

  function drawItem(page) {
    text = null;
    if (!page.item) {
      const left = page.total - page.done;
      const again = make("button", { type: "button", className: "llmeng-outlined", textContent: "Show what is left", onclick: () => answer("next") });
      main.replaceChildren(make("p", { className: "llmeng-session-end", textContent: left
        ? `This is the end: ${number(left)} ${left === 1 ? "is" : "are"} left without a label.` : `All ${number(page.total)} are labelled. Thank you.` }), ...(left ? [again] : []));
      return;
    }
    const nodes = page.item.beside.map((part) => make("div", { className: "llmeng-session-beside" },
      make("div", { className: "llmeng-session-label", textContent: part.title }), block(part, "llmeng-session-small")));
    if (page.item.panes.length) {
      nodes.push(make("div", { className: "llmeng-session-panes" }, ...page.item.panes.map((part, index) =>
        make("div", { className: "llmeng-session-pane", role: "group", label: `Answer ${"AB"[index]}` },
          make("div", { className: "llmeng-session-label", textContent: "AB"[index] }), Object.assign(block(part, "llmeng-session-text"), { tabIndex: 0 })))));
    } else if (kind === "spans") {
      text = spanned(page.item.text, options.map((option) => option.value), (words) => (unseen.textContent = words));
      nodes.push(text.node);
    } else {
      nodes.push(Object.assign(block(page.item, "llmeng-session-text"), { tabIndex: 0 }));
    }
    if (kind === "text") nodes.push(writing(page));
    main.replaceChildren(...nodes);
    looked = 0;
    since = document.hidden ? null : performance.now();
    unseen.textContent = `Item ${page.at + 1} of ${page.total}`;
  }

  function writing(page) {
    const area = make("textarea", { rows: 3, label: "Your text", placeholder: "Write, and press Enter", value: page.value ?? page.suggested?.value ?? "" });
    const save = async () => {
      const back = document.activeElement === area;
      if (await answer("label", { value: area.value }) && back) main.querySelector("textarea")?.focus({ preventScroll: true });
    };
    area.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter" && !event.shiftKey) save();
      else if (event.key === "Escape") focus();
      else return;
      event.preventDefault();
    });
    return make("div", { className: "llmeng-session-write" }, area,
      make("button", { type: "button", className: "llmeng-send", textContent: "Save", onclick: save }, make("kbd", { textContent: "Enter", ariaHidden: "true" })));
  }

  function drawAnswers(page) {
    answers.hidden = kind === "text" || !page.item;
    if (answers.hidden) return answers.replaceChildren();
    const chosen = kind === "spans" ? null : page.value;
    const buttons = options.map((option, index) => {
      const suggested = page.suggested && kind !== "spans" && page.suggested.value === option.value;
      const sure = suggested && page.suggested.confidence !== null ? ` model ${page.suggested.confidence.toFixed(2)}` : suggested ? " model" : "";
      const node = make("button", { type: "button", className: "llmeng-session-answer", title: `Keys: ${option.keys.join(" or ") || "none"}`, onclick: () => choose(option) },
        make("span", { textContent: option.name }), ...option.keys.filter((key) => key !== option.name).map((key) => make("kbd", { textContent: key, ariaHidden: "true" })),
        ...(sure ? [make("small", { textContent: sure })] : []));
      node.onmousedown = (event) => event.preventDefault(); // the selection in the text stays
      node.setAttribute("aria-keyshortcuts", option.keys.join(" "));
      if (kind === "spans") node.style.setProperty("--hue", `var(--llmeng-hue-${index % 8})`);
      else node.setAttribute("aria-pressed", String(chosen === option.value));
      node.classList.toggle("llmeng-suggested", Boolean(suggested));
      return node;
    });
    if (kind === "spans") {
      buttons.push(make("button", { type: "button", className: "llmeng-send", title: "These are all the spans (Enter)", onclick: () => confirm() }, "Done", make("kbd", { textContent: "Enter", ariaHidden: "true" })));
    }
    answers.replaceChildren(...buttons);
  }

  function drawSpans(page) {
    marked.hidden = kind !== "spans" || !page.item;
    if (marked.hidden) return;
    const spans = page.value ?? page.suggested?.value ?? [];
    text.draw(spans);
    marked.replaceChildren(...(spans.length ? spans.map((span) => {
      const words = text.words(span);
      const remove = make("button", { type: "button", textContent: "×", label: `Remove ${words}, ${span[2]}`, title: "Remove",
        onclick: () => answer("draft", { value: spans.filter((other) => other !== span) }).then(focus) });
      const node = make("li", {}, make("bdi", { textContent: words }), make("small", { textContent: span[2] }), remove);
      node.style.setProperty("--hue", `var(--llmeng-hue-${Math.max(0, options.findIndex((option) => option.value === span[2])) % 8})`);
      return node;
    }) : [make("li", { className: "llmeng-session-none", textContent: "No spans yet" })]));
  }

  function draw() {
    const page = model.get("page");
    const within = root.contains(document.activeElement);
    const moved = page.at !== drawnAt || !main.firstChild || Boolean(page.item) !== Boolean(main.querySelector(".llmeng-session-text"));
    const counts = [["labelled", page.done], ["skipped", page.skipped], ["flagged", page.flagged]].filter(([word, number]) => number || word === "labelled");
    count.textContent = [...(page.item ? [`${number(page.at + 1)} of ${number(page.total)}`] : []), ...counts.map(([word, many]) => `${number(many)} ${word}`)].join(" · ");
    bar.max = page.total;
    bar.value = page.done;
    bar.title = `${number(page.done)} of ${number(page.total)}`;
    if (moved) {
      drawItem(page);
      noteBox.hidden = true;
    } else if (kind === "text" && document.activeElement?.tagName !== "TEXTAREA") {
      const area = main.querySelector("textarea");
      if (area) area.value = page.value ?? page.suggested?.value ?? "";
    }
    drawAnswers(page);
    drawSpans(page);
    root.classList.toggle("llmeng-flagged", page.flag !== null);
    drawnAt = page.at;
    say(page.said + (page.flag ? ` Flagged: ${page.flag}` : page.flag === "" ? " Flagged." : ""));
    if (within && !root.contains(document.activeElement)) focus(); // what had the focus is gone
  }

  function drawFoot() {
    agreement.textContent = model.get("agreement");
    result.innerHTML = model.get("result");
    result.hidden = !model.get("result");
    reveal.hidden = !setup.reveals || Boolean(model.get("result"));
    if (reveal.dataset.sure !== "yes") reveal.textContent = "Reveal the result";
  }

  function pressed(event) {
    if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
      // saving the notebook is the one shortcut that people expect to work from here
      root.removeAttribute("data-lm-suppress-shortcuts");
      setTimeout(() => root.setAttribute("data-lm-suppress-shortcuts", "true"));
      return;
    }
    event.stopPropagation();
    if (event.isComposing || event.ctrlKey || event.metaKey || (event.altKey && kind !== "spans")) return;
    if (event.target === noteInput) {
      if (event.key === "Enter") sendFlag(true);
      else if (event.key === "Escape") closeNote();
      return;
    }
    if (event.target.tagName === "TEXTAREA") return;
    const onButton = event.target.closest("button, summary, a");
    const option = options.find((option) => option.keys.includes(event.key.toLowerCase()));
    const arrow = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (option && !event.altKey) {
      if (!event.repeat) choose(option); // a key that is held down is no answer
    } else if (kind === "spans" && arrow && text) text.step(event, arrow);
    else if (kind === "spans" && (event.key === "Home" || event.key === "End") && text) text.edge(event.key === "End");
    else if (kind === "spans" && (event.key === "Backspace" || event.key === "Delete") && text) unmark();
    else if (event.key === "j" || arrow === 1) move(1);
    else if (event.key === "k" || arrow === -1) move(-1);
    else if (event.key === "s" && !event.repeat) skip();
    else if (event.key === "f") openNote();
    else if (event.key === "u" && !event.repeat) answer("undo");
    else if (event.key === "?") toggleHelp();
    else if (event.key === "Escape") help.hidden = true;
    else if (event.key === "Enter" && !onButton) event.repeat || event.shiftKey || confirm();
    else if (event.key === " " && !onButton) main.querySelector(".llmeng-session-text")?.scrollBy(0, event.shiftKey ? -200 : 200);
    else return;
    event.preventDefault();
  }

  // the time spent is that with the page in sight and a hand on the keys or the mouse
  let idle = null;
  function awake() {
    if (document.hidden) return asleep();
    since ??= performance.now();
    clearTimeout(idle);
    idle = setTimeout(asleep, PAUSE_MS);
  }
  function asleep() {
    if (since !== null) looked += performance.now() - since;
    since = null;
  }

  const selected = () => text?.read();
  root.addEventListener("keydown", pressed);
  for (const type of ["keydown", "pointermove", "pointerdown"]) root.addEventListener(type, awake);
  root.addEventListener("click", (event) => {
    // a click on a button leaves the keys with the session
    if (event.target.closest("button") && !noteBox.contains(document.activeElement) && document.activeElement?.tagName !== "TEXTAREA") focus();
  });
  document.addEventListener("selectionchange", selected);
  document.addEventListener("visibilitychange", awake);
  model.on("msg:custom", receive);
  model.on("change:page", draw);
  model.on("change:agreement change:result", drawFoot);
  draw();
  drawFoot();
  awake();
  el.append(root);
  ask("hello");
  return () => {
    clearTimeout(idle);
    document.removeEventListener("selectionchange", selected);
    document.removeEventListener("visibilitychange", awake);
    model.off("msg:custom", receive);
    model.off("change:page", draw);
    model.off("change:agreement change:result", drawFoot);
  };
}

export default { render };
