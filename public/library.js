// The list of documents without reloading: live filters, files dropped on it, selection, progress, a look inside.
(() => {
  const ASK_AGAIN = 1500; // milliseconds between two looks at what is being read
  const AFTER_A_KEY = 120; // milliseconds from the last key to the new list
  const AT_ONCE = 3; // files sent side by side
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const written = (count) => count.toLocaleString(document.documentElement.lang);
  const results = $("#results");
  const filters = $(".filters");

  // --- the list ---------------------------------------------------------------------------
  let latest = 0;
  let wanted = results.dataset.address; // also while it is on its way

  async function show(address, { push = false } = {}) {
    const turn = ++latest;
    wanted = address;
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    if (!response.ok || turn !== latest) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (turn !== latest) return;
    const focused = results.contains(document.activeElement) ? document.activeElement.closest("[data-id]")?.dataset.id : "";
    results.innerHTML = $("#results", page).innerHTML;
    Object.assign(results.dataset, $("#results", page).dataset);
    $(".libraries ul").innerHTML = $(".libraries ul", page).innerHTML;
    if (push) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    if (focused) $(`[data-id="${CSS.escape(focused)}"] a`)?.focus();
    listen();
    draw();
    watch();
  }

  const query = () => {
    const values = new URLSearchParams(new FormData(filters));
    const now = new URLSearchParams(new URL(results.dataset.address, location).search);
    for (const name of ["sort", "down", ...(filters.elements.tag ? [] : ["tag"])])
      if (now.get(name)) values.set(name, now.get(name));
    for (const [name, value] of [...values]) if (!value) values.delete(name);
    return `/documents${values.size ? `?${values}` : ""}`;
  };

  let typing = 0;
  filters.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => show(query()), AFTER_A_KEY);
  });
  filters.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    show(query());
  });
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target.closest("a");
    if (link?.matches(".look")) {
      event.preventDefault();
      return look(link.href);
    }
    if (!link?.matches("#results th a, #results .pager a, #results .chip, .libraries a")) return;
    event.preventDefault();
    clearTimeout(typing);
    if (!link.matches(".libraries a")) return void show(link.getAttribute("href"), { push: true }).then(follow);
    filters.elements.library.value = new URL(link.href).searchParams.get("library") ?? "";
    show(query(), { push: true }).then(follow); // with what was typed just before
  });
  addEventListener("popstate", () => show(location.pathname + location.search).then(follow));

  // The filters and the library that files are added to follow a link.
  function follow() {
    const now = new URLSearchParams(location.search);
    for (const name of ["library", "search", "state", "tag"])
      if (filters.elements[name]) filters.elements[name].value = now.get(name) ?? "";
    const into = $("#drop select");
    if (into && all("option", into).some((option) => option.value === now.get("library"))) into.value = now.get("library");
  }

  // --- selection --------------------------------------------------------------------------
  const form = $("#several");
  const selected = new Set();
  let everything = false;
  let last = null;
  const boxes = () => all(".pick input", results);

  function listen() {
    const head = $("#all", results);
    if (head) head.hidden = false;
    for (const box of boxes()) box.checked = everything || selected.has(box.value);
  }

  results.addEventListener("click", (event) => {
    const box = event.target.closest(".pick input, #all");
    if (!box) return;
    everything = false;
    if (box.id === "all") for (const each of boxes()) pick(each, box.checked);
    else {
      pick(box, box.checked);
      const [from, to] = [boxes().findIndex((each) => each.value === last), boxes().indexOf(box)];
      if (event.shiftKey && from >= 0)
        for (const each of boxes().slice(Math.min(from, to), Math.max(from, to) + 1)) pick(each, box.checked);
      last = box.value;
    }
    draw();
  });

  function pick(box, on) {
    box.checked = on;
    if (on) selected.add(box.value);
    else selected.delete(box.value);
  }

  function draw() {
    if (!form) return;
    const total = Number(results.dataset.total);
    const count = everything ? total : selected.size;
    form.hidden = !count;
    $("#count").textContent = fill(form.dataset.count, { n: written(count) });
    $("#delete").textContent = fill(form.dataset.delete, { n: written(count) });
    $("#none").hidden = false;
    $("#every").hidden = everything || total <= selected.size || !boxes().every((box) => box.checked);
    $("#every").textContent = fill(form.dataset.every, { total: written(total) });
    const head = $("#all", results);
    if (head) {
      head.checked = boxes().every((box) => box.checked);
      head.indeterminate = !head.checked && boxes().some((box) => box.checked);
    }
  }

  if (form) {
    $("#every").addEventListener("click", () => {
      everything = true;
      for (const box of boxes()) box.checked = true;
      draw();
    });
    $("#none").addEventListener("click", () => {
      everything = false;
      selected.clear();
      for (const box of boxes()) box.checked = false;
      draw();
      filters.elements.search.focus();
    });
    form.addEventListener("submit", () => {
      form.elements.query.value = new URL(results.dataset.address, location).search.slice(1);
      const shown = new Set(boxes().map((box) => box.value));
      const more = everything ? [["every", "yes"]] : [...selected].filter((id) => !shown.has(id)).map((id) => ["id", id]);
      for (const [name, value] of more) {
        const input = document.createElement("input");
        Object.assign(input, { type: "hidden", name, value });
        form.append(input);
      }
    });
  }

  // --- files dropped on the page ----------------------------------------------------------
  const drop = $("#drop");
  const waiting = [];
  let [total, done, sending] = [0, 0, 0];

  function add(files) {
    for (const file of files) {
      total += 1;
      waiting.push(file);
    }
    while (sending < AT_ONCE && waiting.length) next();
  }

  async function next() {
    sending += 1;
    for (let file; (file = waiting.shift()); ) {
      report();
      const why = await send(file);
      if (why) refuse(file.name, why);
      done += 1;
    }
    sending -= 1;
    report();
    if (!sending) show(wanted);
  }

  async function send(file) {
    if (file.size > Number(drop.dataset.largest) * 1e6) return drop.dataset.tooLarge;
    const body = new FormData();
    if (drop.elements.library) body.append("library", drop.elements.library.value);
    body.append("file", file);
    try {
      const response = await fetch(drop.action, { method: "POST", body, headers: { Accept: "application/json" } });
      return response.ok ? "" : ((await response.json()).detail ?? drop.dataset.broken);
    } catch {
      return drop.dataset.broken; // the connection broke, or a folder was dropped as a file
    }
  }

  function report() {
    const text = sending ? drop.dataset.sending : drop.dataset.sent;
    $("#sending").textContent = fill(text, { done: written(done), total: written(total) });
    if (!sending) [total, done] = [0, 0];
  }

  function refuse(name, why) {
    const line = document.createElement("li");
    line.textContent = fill(drop.dataset.failed, { name, why });
    $("#not-taken").append(line);
  }

  // Every file of a folder that is dropped, in batches as the browser hands them out.
  async function* filesOf(entry) {
    if (entry.isFile) yield await new Promise((resolve, reject) => entry.file(resolve, reject));
    else {
      const reader = entry.createReader();
      for (let batch; (batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; )
        for (const inner of batch) if (!inner.name.startsWith(".")) yield* filesOf(inner);
    }
  }

  drop.querySelector("input[type=file]").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  for (const name of ["dragenter", "dragover"])
    addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  addEventListener("drop", async (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return add(event.dataTransfer.files);
    for (const entry of entries) for await (const file of filesOf(entry)) add([file]);
  });

  // --- what is being read -----------------------------------------------------------------
  let asking = 0;

  function watch() {
    clearTimeout(asking);
    const work = $("#work");
    if (work) work.hidden = !Number(results.dataset.unfinished);
    if (Number(results.dataset.unfinished)) asking = setTimeout(ask, ASK_AGAIN);
  }

  async function ask() {
    const busy = all("tr:has(.queued, .loading, .searchable)", results).map((row) => ["id", row.dataset.id]);
    const response = await fetch(`/documents/work?${new URLSearchParams(busy)}`).catch(() => null);
    if (!response?.ok) return void (asking = setTimeout(ask, 4 * ASK_AGAIN)); // it may be starting again
    const { rows, unfinished, sentence, busy: still } = await response.json();
    for (const [id, html] of Object.entries(rows)) {
      const cell = $(`[data-id="${CSS.escape(id)}"] .state-cell`, results);
      if (cell && cell.innerHTML !== html) cell.innerHTML = html;
    }
    $("#work").textContent = sentence;
    if (still.length < busy.length || (!unfinished && Number(results.dataset.unfinished))) return show(wanted);
    results.dataset.unfinished = unfinished;
    watch();
  }

  // --- a look inside ----------------------------------------------------------------------
  const dialog = $("#look");
  const inside = $("#look > div");

  async function look(address) {
    const response = await fetch(address);
    if (!response.ok) return void (location.href = address);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const title = document.createElement("h2");
    title.textContent = $("h1", page).textContent;
    inside.replaceChildren(title, $("#preview", page));
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    const link = event.target.closest("#preview a:not([href^='/?'])");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    look(link.href);
  });
  dialog.addEventListener("submit", (event) => {
    if (!event.target.matches("#preview form")) return;
    event.preventDefault();
    look(`${event.target.action}?${new URLSearchParams(new FormData(event.target))}`);
  });

  listen();
  draw();
  watch();
})();
