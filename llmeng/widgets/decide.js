// The view of llmeng.widgets.Decide: sliders for the weights, the ranking below. Python computes, the page shows;
// every text is set as text.

const SILENT_MS = 4000; // without a word from the kernel for so long, the person is told

function make(tag, properties = {}, ...children) {
  const { role, label, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (role) node.setAttribute("role", role);
  if (label) node.setAttribute("aria-label", label);
  node.append(...children);
  return node;
}

const percent = (share) => `${Math.round(100 * share)}%`;
const three = (value) => value.toFixed(3);

function render({ model, el }) {
  const rows = new Map(); // dimension → its nodes
  let lastId = 0;
  let asked = null; // the request that is on its way
  let next = null; // what was moved since: dimension → weight
  let silence = 0;

  const title = make("span", { className: "llmeng-decide-title" });
  const reset = make("button", { type: "button", textContent: "Reset", title: "Back to the first weights" });
  const sliders = make("div", { className: "llmeng-decide-sliders", role: "group" });
  const words = make("p", { className: "llmeng-decide-words", role: "status" });
  const body = make("tbody");
  const head = make("tr", {}, ...["", "utility", "95 %", "best in", ""].map((text) => make("th", { textContent: text, scope: "col" })));
  const table = make("table", {}, make("thead", {}, head), body);
  const note = make("div", { className: "llmeng-note" });
  const status = make("div", { className: "llmeng-decide-status", role: "alert", hidden: true });
  const root = make("section", { className: "llmeng-decide" },
    make("div", { className: "llmeng-decide-head" }, title, reset), sliders, status, words, table, note);
  // JupyterLab looks at what has the focus before it looks at what is around it
  const keepKeys = (node) => node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const node of [root, reset]) keepKeys(node);
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey)) return;
    for (const node of [root, event.target]) { // Ctrl-S and its like are JupyterLab's
      node.removeAttribute("data-lm-suppress-shortcuts");
      setTimeout(() => keepKeys(node));
    }
  });

  function say(text) {
    status.textContent = text;
    status.hidden = !text;
  }

  // One request at a time; of what was moved since, the last position of each slider counts.
  function move(weights) {
    next = { ...next, ...weights };
    if (asked === null) send();
  }

  function send() {
    asked = ++lastId;
    model.send({ id: asked, type: "set", weights: next });
    next = null;
    clearTimeout(silence);
    silence = setTimeout(() => say("The kernel does not answer: it is busy, or gone. Run the cell again."), SILENT_MS);
  }

  function receive(reply) {
    if (reply?.id !== asked) return;
    clearTimeout(silence);
    asked = null;
    say(reply.type === "refused" ? reply.text : "");
    if (next) send();
    else if (reply.type === "refused") draw(true);
  }

  function slider(name) {
    const most = model.get("most");
    const input = make("input", { type: "range", min: 0, max: most, step: 0.1 });
    keepKeys(input); // else an arrow key leaves the cell
    const label = make("label");
    const share = make("output");
    const stays = make("div", { className: "llmeng-decide-stays" });
    const told = make("div", { className: "llmeng-decide-told" });
    input.addEventListener("input", () => {
      share.textContent = "…";
      move({ [name]: Number(input.value) });
    });
    const node = make("div", { className: "llmeng-decide-row" }, label, make("div", { className: "llmeng-decide-track" }, stays, input), share, told);
    sliders.append(node);
    const made = { node, input, label, share, stays, told };
    rows.set(name, made);
    return made;
  }

  function draw(force = false) {
    const page = model.get("page");
    const most = model.get("most");
    title.textContent = model.get("title");
    root.setAttribute("aria-label", model.get("title"));
    const waiting = next !== null; // the person is still moving one
    for (const row of page.sliders) {
      const made = rows.get(row.name) ?? slider(row.name);
      made.label.textContent = row.label;
      made.input.setAttribute("aria-label", `Weight of ${row.label}`);
      made.input.setAttribute("aria-valuetext", `${row.weight} of ${most}, ${percent(row.share)}; ${row.words}`);
      if (force || (!waiting && Number(made.input.value) !== row.weight)) made.input.value = row.weight;
      made.share.textContent = percent(row.share);
      made.told.textContent = row.words;
      made.stays.style.left = `${(100 * row.low) / most}%`;
      made.stays.style.width = `${(100 * (row.high - row.low)) / most}%`;
      made.stays.title = "Within this stretch the winner stays";
    }
    words.textContent = page.words;
    body.replaceChildren(...page.standings.map((standing, place) => {
      const bar = make("span", { className: "llmeng-decide-bar" });
      bar.style.width = percent(Math.max(0, standing.value));
      const reach = make("span", { className: "llmeng-decide-interval" });
      reach.style.left = percent(Math.max(0, standing.low));
      reach.style.width = percent(Math.min(1, standing.high) - Math.max(0, standing.low));
      return make("tr", { className: place ? "" : "llmeng-decide-first" },
        make("th", { textContent: standing.name, scope: "row" }),
        make("td", { textContent: three(standing.value) }),
        make("td", { textContent: `${three(standing.low)} to ${three(standing.high)}` }),
        make("td", { textContent: percent(standing.best) }),
        make("td", { className: "llmeng-decide-bars" }, bar, reach));
    }));
    note.textContent = page.note;
    note.hidden = !page.note;
  }

  const drawn = () => draw();
  reset.addEventListener("click", () => {
    const first = model.get("first");
    for (const [name, { input }] of rows) input.value = first[name];
    move(first);
  });
  model.on("msg:custom", receive);
  model.on("change:page change:title", drawn);
  draw();
  el.append(root);
  return () => {
    clearTimeout(silence);
    model.off("msg:custom", receive);
    model.off("change:page change:title", drawn);
  };
}

export default { render };
