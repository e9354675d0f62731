// Make Chainlit's page accessible to screen readers and keyboards, and open a source when its citation is clicked.
(() => {
  const french = navigator.language.toLowerCase().startsWith("fr");
  const say = (english, inFrench) => (french ? inFrench : english);

  const NAMES = {
    "#sidebar-trigger-button": say("Show or hide the conversations", "Afficher ou masquer les conversations"),
    "#search-chats-button": say("Search the conversations", "Chercher dans les conversations"),
    "#new-chat-button": say("New conversation", "Nouvelle conversation"),
    "#chat-profiles": say("Who answers", "Qui répond"),
    "#chat-settings-open-modal": say("Settings of this conversation", "Réglages de cette conversation"),
    "#upload-button": say("Attach documents", "Joindre des documents"),
    "#chat-submit": say("Send", "Envoyer"),
    "#stop-button": say("Stop", "Arrêter"),
    "#theme-toggle": say("Light or dark", "Clair ou sombre"),
    "#user-nav-button": say("You", "Vous"),
    "#chat-input": say("Your question", "Votre question"),
    "#thread-options": say("Rename or delete", "Renommer ou supprimer"),
    "button:has(> .lucide-copy)": say("Copy", "Copier"),
    "button:has(> .lucide-thumbs-up)": say("Helpful", "Utile"),
    "button:has(> .lucide-thumbs-down)": say("Not helpful", "Pas utile"),
    "button:has(> .lucide-arrow-down)": say("To the end", "Aller à la fin"),
    ".edit-message": say("Edit and ask again", "Modifier et reposer"),
    "#edit-chat-input": say("Your question", "Votre question"),
  };

  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  function name() {
    for (const [selector, label] of Object.entries(NAMES))
      for (const element of document.querySelectorAll(selector)) set(element, "aria-label", label);
    for (const image of document.querySelectorAll("img:not([alt])")) set(image, "alt", "");
    for (const button of document.querySelectorAll("#thread-options, #upload-button")) set(button, "role", "button");
    for (const list of document.querySelectorAll("ul[data-sidebar=menu]:not(:has(> li))"))
      set(list, "role", "group");
    for (const around of document.querySelectorAll("button:has(> a[href])")) {
      set(around, "role", "group"); // a link in a button would be reached twice
      set(around, "tabindex", "-1");
      set(around, "aria-label", around.textContent.trim());
    }
    for (const slider of document.querySelectorAll("[role=slider]:not([aria-label])")) {
      let around = slider.parentElement;
      while (around && !around.querySelector("label")) around = around.parentElement;
      if (around) set(slider, "aria-label", around.querySelector("label").textContent.trim());
    }
  }

  // A citation opens the source panel, which is loaded at the first click.
  addEventListener(
    "click",
    async (event) => {
      const link = event.target.closest?.("a.element-link, [data-cited]");
      const step = link?.closest('[id^="step-"]')?.id.slice("step-".length);
      const n = Number(link?.textContent.replace(/\D/g, ""));
      const address = link?.dataset.cited ?? (step && n ? `/cited/${step}/${n}` : "");
      if (!address) return;
      event.preventDefault();
      event.stopPropagation();
      (await import("/public/source.js")).open(address, link);
    },
    true,
  );

  // Offer to delete the files sent in a conversation together with it.
  let conversation = "";
  let withFiles = false;
  const opening = (event) => {
    const button = event.target.closest?.("#thread-options");
    const link = button?.closest("li, a")?.closest("li")?.querySelector('a[href^="/thread/"]') ?? button?.closest("a");
    if (link) conversation = link.getAttribute("href").split("/").pop();
  };
  addEventListener("pointerdown", opening, true);
  addEventListener("keydown", opening, true);

  async function offerFiles() {
    const dialog = document.querySelector("[role=alertdialog]:not([data-files])");
    if (!dialog || !conversation) return;
    dialog.dataset.files = "";
    withFiles = false;
    const response = await fetch(`/project/thread/${conversation}/files`);
    if (!response.ok) return;
    const { names, always } = await response.json();
    if (!names.length) return;
    const label = document.createElement(always ? "p" : "label");
    label.className = "docent-files";
    if (always) label.append(say("Deleted with it: ", "Supprimés avec elle : "));
    else {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.addEventListener("change", () => (withFiles = box.checked));
      label.append(box, say("Also delete the files sent here: ", "Supprimer aussi les fichiers envoyés ici : "));
    }
    label.append(names.join(", "));
    (dialog.querySelector("h2")?.parentElement ?? dialog).append(label);
  }

  // Chainlit treats a failed request as "not logged in", and leaves the conversation for the login page.
  async function whoIsThere(address, options) {
    for (;;) {
      try {
        const response = await send(address, options);
        if (response.status < 500) return noteLogin(response);
      } catch (error) {
        if (options?.signal?.aborted) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }

  // Without a login, "log out" would log in again at once: the style sheet hides its menu.
  async function noteLogin(response) {
    const user = response.ok ? await response.clone().json().catch(() => ({})) : {};
    document.documentElement.dataset.login = user.identifier === "local" ? "none" : "";
    return response;
  }

  // Chainlit shows the same text for every refused login; the server says why, and how long to wait.
  async function logIn(address, options) {
    const response = await send(address, options);
    document.querySelector("#login-refused")?.remove();
    if (response.ok) return response;
    const { detail } = await response.clone().json().catch(() => ({})); // not JSON: from a proxy
    if (detail) {
      const refused = document.createElement("p");
      refused.id = "login-refused";
      refused.setAttribute("role", "alert");
      refused.className = `border rounded-lg p-4 text-sm bg-red-50 border-red-200 text-red-700
        dark:bg-red-950 dark:border-red-900 dark:text-red-200`;
      refused.textContent = detail;
      document.querySelector("form:has(#password) > :first-child")?.after(refused);
    }
    return response;
  }

  const send = window.fetch;
  window.fetch = (address, options) => {
    const { pathname } = new URL(address, location.href);
    if (pathname === "/user" && (options?.method ?? "GET") === "GET") return whoIsThere(address, options);
    if (pathname === "/login" && options?.method === "POST") return logIn(address, options);
    const deleting = options?.method === "DELETE" && pathname === "/project/thread";
    if (deleting && withFiles)
      options = { ...options, body: JSON.stringify({ ...JSON.parse(options.body), files: true }) };
    return send(address, options);
  };

  // Replace Chainlit's text about refused files by a sentence in the user's language.
  const REFUSED = [
    [/^File is larger than (\S+) MB$/, "A file is larger than $1 MB, the most that is read. Split it, or attach a smaller copy.",
      "Un fichier dépasse $1 Mo, la taille maximale. Divisez-le ou joignez une copie plus petite."],
    [/^Too many files$/, "These are too many files at once. Attach some of them, send, then attach the others.",
      "Il y a trop de fichiers à la fois. Joignez-en une partie, envoyez, puis joignez les autres."],
  ];
  function reword() {
    for (const title of document.querySelectorAll("[data-sonner-toast] [data-title]"))
      for (const [said, english, inFrench] of REFUSED)
        if (said.test(title.textContent)) title.textContent = title.textContent.replace(said, say(english, inFrench));
  }

  // Pages of their own lead back to the conversation at hand. On a phone its address never changes.
  const SESSION = "40{";
  const CONVERSATION = '42["first_interaction",';
  let session = "";
  let thread = "";
  const begin = ({ sessionId, threadId }) => {
    if (sessionId !== session) [session, thread] = [sessionId, threadId ?? ""]; // not after a lost connection
  };
  addEventListener("click", (event) => {
    if (event.target.closest?.("#new-chat-button")) thread = "";
  });
  addEventListener("pagehide", () =>
    sessionStorage.setItem("docent-conversation", thread ? `/thread/${thread}` : "/"),
  );

  // A new conversation gets its address with its first answer. Chainlit then draws the box for the question anew;
  // what was typed until then stays in it.
  let begun = ""; // the conversation whose box is to be drawn anew
  let box = null;
  function keepTyped() {
    const drawn = document.querySelector("#chat-input");
    if (!drawn || drawn === box) return;
    const typed = box?.value;
    box = drawn;
    if (!begun || location.pathname !== `/thread/${begun}`) return;
    begun = "";
    if (!typed || drawn.value) return;
    // React notices a change of the value only through the element's own setter.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(drawn, typed);
    drawn.dispatchEvent(new Event("input", { bubbles: true }));
    drawn.focus();
  }

  // When the connection breaks, send again what was lost, and remember Enter until it is back.
  const QUESTION = '42["client_message"';
  const BEGUN = '42["task_start"';
  const SETTLED = 400; // milliseconds from a new connection until the session is restored
  const ENDED = '42["task_end"';
  let connected = false;
  let sent = null; // the question whose answer has not begun, and the socket that took it
  let entered = false;

  window.WebSocket = class extends WebSocket {
    constructor(address, ...more) {
      super(address, ...more);
      if (!new URL(address).pathname.startsWith("/ws/socket.io")) return;
      this.addEventListener("message", ({ data }) => {
        const refused = String(data).startsWith(ENDED) && sent?.socket === this;
        if (refused || String(data).startsWith(BEGUN)) sent = null;
        if (String(data).startsWith(CONVERSATION)) {
          const { interaction, thread_id } = JSON.parse(data.slice(2))[1];
          thread = thread_id;
          if (interaction !== "resume") begun = thread_id;
        }
      });
      this.addEventListener("close", () => (connected = false));
    }
    send(data) {
      super.send(data);
      if (String(data).startsWith(SESSION)) begin(JSON.parse(data.slice(2)));
      if (String(data).startsWith(QUESTION)) sent = { data, socket: this };
      if (data === "5") setTimeout(() => this.mended(), SETTLED); // from now on everything uses this connection
    }
    mended() {
      if (this.readyState !== WebSocket.OPEN) return;
      connected = true;
      if (sent && sent.socket !== this) this.send(sent.data);
      if (entered) document.querySelector("#chat-submit:not(:disabled)")?.click();
      entered = false;
    }
  };

  addEventListener(
    "keydown",
    (event) => {
      if (event.target.id === "chat-input" && event.key === "Enter" && !event.shiftKey) entered = !connected;
    },
    true,
  );

  // The model in the header comes with the header.
  let model = null;
  function showModel() {
    if (document.querySelector("#header")) (model ??= import("/public/model.js")).then((chip) => chip.place());
  }

  let firstRun = null;
  function showFirstRun() {
    if (document.querySelector("#welcome-screen"))
      (firstRun ??= import("/public/first-run.js")).then((card) => card.place());
  }

  let tables = null;
  function showTables() {
    if (tables || document.querySelector('.message-content a[href^="/tables/"]'))
      (tables ??= import("/public/tables.js")).then((shown) => shown.place());
  }

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      keepTyped();
      name();
      reword();
      offerFiles();
      showModel();
      showFirstRun();
      showTables();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
