// llmeng in JupyterLab: a Launcher card, `%%llm` cells coloured as Markdown, and a place for the chat's cells.
// A prebuilt extension written by hand in the shape of a webpack container: there is nothing to build.
(() => {
  const SITE = "https://llmeng.github.io/llmeng/";
  const HOMES = ["index.ipynb", "nbs/index.ipynb"]; // in the server's root; the second in a clone
  const PROMPT = /^\s*%%(llm|le)(?![\w-])/;
  const MARKDOWN = "text/x-ipythongfm"; // JupyterLab's own type for Markdown with formulas
  const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 52 52">
    <rect width="52" height="52" rx="10" fill="#1565c0"/>
    <path d="M12 13h28a3 3 0 0 1 3 3v16a3 3 0 0 1-3 3H25l-8 7v-7h-5a3 3 0 0 1-3-3V16a3 3 0 0 1 3-3z" fill="#fff"/>
    <path d="M16 21h20M16 27h13" stroke="#1565c0" stroke-width="3" stroke-linecap="round"/></svg>`;

  let shared = {};

  // JupyterLab's own copy of a package
  async function use(name) {
    const versions = shared[name];
    if (!versions) throw new Error(`JupyterLab shares no ${name}`);
    return (await Object.values(versions)[0].get())();
  }

  async function findHome(contents) {
    for (const path of HOMES) {
      try {
        const { content } = await contents.get(path, { type: "notebook", content: true });
        if (JSON.stringify(content.cells).includes("llmeng")) return path; // someone else's index is not ours
      } catch {
        continue; // no such file
      }
    }
    return null;
  }

  const launcherCard = (ILauncher, LabIcon) => ({
    id: "llmeng:launcher",
    description: "A Launcher card that opens the home notebook.",
    autoStart: true,
    optional: [ILauncher], // Notebook 7 has none
    activate: (app, launcher) => {
      if (!launcher) return;
      const command = "llmeng:open-home";
      app.commands.addCommand(command, {
        label: "LLM engineering",
        caption: "Open the home notebook of llmeng, or its site where there is no copy of it",
        icon: new LabIcon({ name: "llmeng:home", svgstr: ICON }),
        execute: async () => {
          const path = await findHome(app.serviceManager.contents);
          if (path) return app.commands.execute("docmanager:open", { path });
          window.open(SITE, "_blank", "noopener");
        },
      });
      launcher.add({ command, category: "LLM engineering", rank: 0 });
    },
  });

  function colour(panel) {
    const paint = (cell) => {
      const isPrompt = PROMPT.test(cell.sharedModel.getSource());
      if (isPrompt && cell.mimeType !== MARKDOWN) cell.mimeType = MARKDOWN;
      else if (!isPrompt && cell.mimeType === MARKDOWN) cell.mimeType = panel.content.codeMimetype;
    };
    const watch = (cell) => {
      if (cell.type !== "code") return;
      paint(cell);
      cell.contentChanged.connect(paint);
      cell.mimeTypeChanged.connect(paint); // the kernel's language arrives late and is set on every cell
    };
    const { cells } = panel.content.model;
    for (const cell of cells) watch(cell);
    cells.changed.connect((_, change) => change.newValues.forEach(watch));
  }

  const promptCells = (INotebookTracker) => ({
    id: "llmeng:prompt-cells",
    description: "Colours %%llm cells as Markdown.",
    autoStart: true,
    requires: [INotebookTracker],
    activate: (app, tracker) => {
      tracker.widgetAdded.connect((_, panel) => panel.context.ready.then(() => colour(panel)));
    },
  });

  const chatCells = (INotebookTracker) => ({
    id: "llmeng:chat-cells",
    description: "Inserts the cells of a chat below the cell that shows it.",
    autoStart: true,
    requires: [INotebookTracker],
    activate: (app, tracker) => {
      document.addEventListener("llmeng:insert-cells", (event) => {
        const panel = tracker.find(({ content }) => content.node.contains(event.target));
        const index = panel?.content.widgets.findIndex(({ node }) => node.contains(event.target)) ?? -1;
        if (index < 0) return;
        const cells = event.detail.cells.map(({ cell_type, source }) => ({ cell_type, source, metadata: {} }));
        panel.content.model.sharedModel.insertCells(index + 1, cells);
        event.preventDefault(); // tells the chat that it is done
      });
    },
  });

  async function extension() {
    const [{ ILauncher }, { INotebookTracker }, { LabIcon }] = await Promise.all(
      ["@jupyterlab/launcher", "@jupyterlab/notebook", "@jupyterlab/ui-components"].map(use),
    );
    return {
      __esModule: true,
      default: [launcherCard(ILauncher, LabIcon), promptCells(INotebookTracker), chatCells(INotebookTracker)],
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.llmeng = {
    init: (scope) => {
      shared = scope;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`llmeng has no ${module}`);
      const exported = await extension();
      return () => exported;
    },
  };
})();
