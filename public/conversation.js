// The sources of a conversation above its question: chips, a list to choose from, names after "#"; and the
// quote of a citation beside it. The server holds the sources; the page asks it to change them.
(() => {
  const french = navigator.language.toLowerCase().startsWith("fr");
  const say = (english, inFrench) => (french ? inFrench : english);
  const SOURCES = "docent-sources";
  const FOUND = "docent-found";
  const WAIT = 150; // milliseconds after a key until the server is asked

  let sources = [];
  let found = null;
  let picker = null; // the open list of checkboxes
  let listbox = null; // the open suggestions for a name after "#"
  let active = 0;

  const make = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties))
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const ask = (what) => postMessage({ [SOURCES]: what }, location.origin);
  const isSource = ({ kind, id }) => sources.some((source) => source.kind === kind && source.id === id);
  const input = () => document.getElementById("chat-input");

  let asking = 0;
  function find(search) {
    clearTimeout(asking);
    asking = setTimeout(() => ask({ do: "find", search }), WAIT);
  }

  addEventListener("message", ({ data, origin }) => {
    if (origin !== location.origin || typeof data !== "object" || data === null) return;
    if (Array.isArray(data[SOURCES])) {
      sources = data[SOURCES];
      draw();
      takeAddress();
      if (picker) drawChoice();
    }
    if (data[FOUND]) {
      found = data[FOUND];
      if (picker) drawChoice();
      if (listbox) drawSuggestions();
    }
  });

  // --- the address of a new conversation: /?sources=ID,ID&ask=summary -------------------------

  const address = new URLSearchParams(location.search);
  const wanted = (address.get("sources") ?? "").split(",").filter(Boolean);
  let asked = ""; // the document that was added last
  let summary = address.get("ask") === "summary";

  // Called with each list of sources, so one is added after the other; nothing follows one that is not there.
  function takeAddress() {
    if (wanted.length) {
      asked = wanted.shift();
      history.replaceState(history.state, "", location.pathname);
      ask({ do: "add", kind: "document", id: asked });
    } else if (summary) {
      summary = false;
      if (!isSource({ kind: "document", id: asked })) return;
      const names = sources.map((source) => source.name).join(", ");
      send(say(`Summarise ${names}`, `Résumer ${names}`));
    }
  }

  function write(text) {
    // React notices a change of the value only through the element's own setter.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(input(), text);
    input().dispatchEvent(new Event("input", { bubbles: true }));
  }

  // Write a question and press the button, as soon as the page has drawn both.
  function send(text) {
    const button = document.getElementById("chat-submit");
    if (input() && !input().value) write(text);
    if (button && !button.disabled && input()?.value === text) button.click();
    else if (!input() || input().value === text) requestAnimationFrame(() => send(text));
  }

  // --- chips ---------------------------------------------------------------------------------

  function bar() {
    const composer = document.getElementById("message-composer");
    if (!composer) return null;
    let element = document.getElementById("docent-sources");
    if (element?.nextElementSibling === composer) return element;
    element?.remove();
    element = make("div", {
      id: "docent-sources",
      role: "group",
      "aria-label": say("Sources of this conversation", "Sources de cette conversation"),
    });
    composer.before(element);
    return element;
  }

  function draw() {
    const element = bar();
    if (!element) return;
    const open = make("button", {
      type: "button",
      className: "docent-choose",
      textContent: say("+ Sources", "+ Sources"),
      "aria-haspopup": "dialog",
      "aria-expanded": String(picker !== null),
      onclick: () => (picker ? close() : choose()),
    });
    const chips = sources.map((source) =>
      make(
        "span",
        { className: `docent-chip ${source.kind}`, title: source.name },
        make("span", { textContent: source.name }),
        make("button", {
          type: "button",
          textContent: "×",
          "aria-label": say(`Remove ${source.name}`, `Retirer ${source.name}`),
          onclick: () => ask({ do: "remove", kind: source.kind, id: source.id }),
        }),
      ),
    );
    const all = make("span", {
      className: "docent-all",
      textContent: say("Looking in all documents", "Recherche dans tous les documents"),
    });
    element.replaceChildren(open, ...(chips.length ? chips : [all]));
    if (picker) element.append(picker);
  }

  // --- the list to choose from ------------------------------------------------------------------

  function choose() {
    const search = make("input", {
      type: "search",
      placeholder: say("Find a document or library", "Chercher un document ou une bibliothèque"),
      "aria-label": say("Find a document or library", "Chercher un document ou une bibliothèque"),
      oninput: () => find(search.value),
    });
    picker = make(
      "div",
      { id: "docent-picker", role: "dialog", "aria-label": say("Choose sources", "Choisir les sources") },
      search,
      make("div", { className: "docent-choice" }),
    );
    found = null;
    draw();
    search.focus();
    ask({ do: "find", search: "" });
  }

  function close() {
    picker?.remove();
    picker = null;
    draw();
    input()?.focus();
  }

  function choice(one) {
    const box = make("input", {
      type: "checkbox",
      checked: isSource(one),
      onchange: () => ask({ do: box.checked ? "add" : "remove", kind: one.kind, id: one.id }),
    });
    const more = one.kind === "document" ? one.library : "";
    return make(
      "label",
      {},
      box,
      make("span", { className: "docent-name", textContent: one.name }),
      make("span", { className: "docent-more", textContent: more }),
    );
  }

  function section(title, entries) {
    if (!entries.length) return [];
    return [make("fieldset", {}, make("legend", { textContent: title }), ...entries.map(choice))];
  }

  function drawChoice() {
    const list = picker.querySelector(".docent-choice");
    const top = list.scrollTop;
    const at = document.activeElement?.closest?.("label");
    const index = at ? [...list.querySelectorAll("label")].indexOf(at) : -1;
    if (!found) return;
    const rest = found.more
      ? [make("p", { textContent: say(`${found.more} more: type a part of the name`, `${found.more} autres : tapez une partie du nom`) })]
      : [];
    const none = found.libraries.length + found.documents.length
      ? []
      : [make("p", { textContent: say("Nothing has this name", "Rien ne porte ce nom") })];
    list.replaceChildren(
      ...section(say("Libraries", "Bibliothèques"), found.libraries),
      ...section(say("Documents", "Documents"), found.documents),
      ...rest,
      ...none,
    );
    list.scrollTop = top;
    if (index >= 0) list.querySelectorAll("input")[index]?.focus();
  }

  addEventListener("pointerdown", (event) => {
    if (picker && !event.target.closest?.("#docent-sources")) close();
  });

  // --- a name after "#" in the question ---------------------------------------------------------

  const TAG = /(^|\s)#([^\s#]*)$/;

  function typed() {
    const box = input();
    const match = box && TAG.exec(box.value.slice(0, box.selectionStart));
    if (!match) return dismiss();
    if (!listbox) {
      listbox = make("div", {
        id: "docent-suggestions",
        role: "listbox",
        "aria-label": say("Sources", "Sources"),
      });
      bar()?.append(listbox);
      box.setAttribute("aria-controls", "docent-suggestions");
    }
    active = 0;
    find(match[2]);
  }

  function dismiss() {
    listbox?.remove();
    listbox = null;
    input()?.removeAttribute("aria-controls");
    input()?.removeAttribute("aria-activedescendant");
  }

  const offered = () => (found ? [...found.documents, ...found.libraries].slice(0, 8) : []);

  function drawSuggestions() {
    active = Math.min(active, Math.max(offered().length - 1, 0));
    listbox.replaceChildren(
      ...offered().map((one, n) =>
        make(
          "div",
          {
            id: `docent-suggestion-${n}`,
            role: "option",
            "aria-selected": String(n === active),
            onpointerdown: (event) => {
              event.preventDefault(); // the question keeps the focus
              take(one);
            },
          },
          make("span", { className: "docent-name", textContent: one.name }),
          make("span", { className: "docent-more", textContent: one.library ?? say("library", "bibliothèque") }),
        ),
      ),
    );
    input()?.setAttribute("aria-activedescendant", `docent-suggestion-${active}`);
    if (!offered().length) dismiss();
  }

  function take(one) {
    const box = input();
    const before = box.value.slice(0, box.selectionStart).replace(TAG, "$1");
    const value = before + box.value.slice(box.selectionStart);
    write(value);
    box.setSelectionRange(before.length, before.length);
    ask({ do: "add", kind: one.kind, id: one.id });
    dismiss();
    box.focus();
  }

  addEventListener("input", (event) => {
    if (event.target.id === "chat-input") typed();
  });

  addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && picker) {
        event.stopPropagation();
        close();
        return;
      }
      if (!listbox || event.target.id !== "chat-input" || !offered().length) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        active = (active + step + offered().length) % offered().length;
        drawSuggestions();
      } else if (event.key === "Enter" || event.key === "Tab") take(offered()[active]);
      else if (event.key === "Escape") dismiss();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );

  // --- the quote of a citation -----------------------------------------------------------------

  const quotes = new Map();
  let tooltip = null;

  function hide() {
    tooltip?.remove();
    tooltip = null;
  }

  async function show(link) {
    const step = link.closest('[id^="step-"]')?.id.slice("step-".length);
    const n = Number(link.textContent.replace(/\D/g, ""));
    const cited = link.dataset.cited ?? (step && n ? `/cited/${step}/${n}` : "");
    if (!cited) return;
    const address = `${cited}/quote`;
    if (!quotes.has(address)) {
      const response = await fetch(address);
      if (!response.ok) return;
      quotes.set(address, await response.json());
    }
    if (!link.matches(":hover, :focus, :focus-visible") || !link.isConnected) return;
    const { where, quote } = quotes.get(address);
    hide();
    tooltip = make(
      "div",
      { id: "docent-quote", role: "tooltip" },
      make("strong", { textContent: where }),
      make("span", { textContent: quote }),
    );
    document.body.append(tooltip);
    link.setAttribute("aria-describedby", "docent-quote");
    const at = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - tooltip.offsetWidth - 8));
    const above = at.top - tooltip.offsetHeight - 6;
    tooltip.style.left = `${left}px`;
    tooltip.style.top = `${above > 8 ? above : at.bottom + 6}px`;
  }

  const cited = (event) => event.target.closest?.("a.element-link, [data-cited]");
  for (const enter of ["mouseover", "focusin"])
    addEventListener(enter, (event) => {
      const link = cited(event);
      if (link) show(link);
    });
  for (const leave of ["mouseout", "focusout", "click"])
    addEventListener(leave, (event) => {
      if (cited(event)) hide();
    });
  addEventListener("scroll", hide, true);

  // The page draws its composer anew for each conversation.
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const wide = "div.overflow-auto:has(> table):not([tabindex]), code.hljs:not([tabindex])";
      for (const element of document.querySelectorAll(wide))
        element.tabIndex = 0; // a table or a line that is wider than its place is scrolled with the keyboard
      const composer = document.getElementById("message-composer");
      if (composer && document.getElementById("docent-sources")?.nextElementSibling !== composer) draw();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
