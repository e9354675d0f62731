// Research tables in the conversation: docent.js imports this when a message links to one. The server renders the
// table (docent/web/templates/tables/table.html); this puts it in the place of the link and answers its buttons.

const LINK = '.message-content a[href^="/tables/"]:not(.docent-table *)';
const SOON = 250; // milliseconds until a table that is being filled is asked for again, at first
const LATER = 1500;
const MUCH_LATER = 5000; // of a long one, whose rows are all sorted to show the first

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = "/public/tables.css";
document.head.append(style);

const tables = new WeakMap(); // by element: what its reader chose to see

/** Put each table beside the line that links to it. */
export function place() {
  for (const element of document.querySelectorAll(".docent-table"))
    if (!tables.get(element)?.line.isConnected) element.remove(); // its line was drawn anew
  for (const link of document.querySelectorAll(LINK)) {
    const line = link.closest("[role=article]") ?? link.parentElement;
    if (line.nextElementSibling?.classList.contains("docent-table")) continue;
    line.after(make(link.getAttribute("href"), line));
  }
}

function make(address, line) {
  const element = document.createElement("div");
  element.className = "docent-table";
  const status = document.createElement("p");
  status.className = "table-status";
  status.setAttribute("role", "status");
  const body = document.createElement("div");
  element.append(status, body);
  element.addEventListener("click", press);
  tables.set(element, { address, line, query: new URLSearchParams(), asked: 0, timer: 0, phase: "" });
  load(element);
  return element;
}

/** Ask for the table as it is now, or after what a button does, and show it where the reader is in it. */
async function load(element, does = "") {
  const table = tables.get(element);
  const request = ++table.asked;
  clearTimeout(table.timer);
  const options = does ? { method: "POST" } : {};
  const wanted = `${table.address}${does && `/${does}`}?${table.query}`;
  const response = await fetch(wanted, options).catch(() => null);
  if (request !== table.asked || !element.isConnected) return;
  if (response?.ok) show(element, await response.text());
  else if (response?.status === 404) element.lastElementChild.textContent = await response.text();
  if (!response || table.phase === "running" || table.phase === "elsewhere")
    table.timer = setTimeout(load, table.asked < 5 ? SOON : table.many ? MUCH_LATER : LATER, element);
}

const KEYS = ["data-cited", "data-sort", "data-does", "data-shown", "href"];

function show(element, html) {
  const table = tables.get(element);
  const body = element.lastElementChild;
  const area = body.querySelector(".table-scroll");
  const [top, left] = [area?.scrollTop ?? 0, area?.scrollLeft ?? 0];
  const at = body.contains(document.activeElement) ? document.activeElement : null;
  const key = at && KEYS.find((name) => at.hasAttribute(name));
  const selector = key ? `[${key}="${CSS.escape(at.getAttribute(key))}"]` : at === area ? ".table-scroll" : "";
  body.innerHTML = html;
  const part = body.firstElementChild;
  const fresh = body.querySelector(".table-scroll");
  if (fresh) [fresh.scrollTop, fresh.scrollLeft] = [top, left];
  if (at) (body.querySelector(selector || "button") ?? fresh)?.focus({ preventScroll: true });
  const { phase, status, documents } = part.dataset;
  table.line.hidden = true;
  if (phase === "planned") body.querySelector(".table-plan").textContent = table.line.textContent;
  if (table.phase && table.phase !== phase) element.firstElementChild.textContent = status;
  table.phase = phase;
  table.many = Number(documents) > 1000;
}

function press(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const element = event.currentTarget;
  const { query } = tables.get(element);
  const { does, sort, order, shown } = button.dataset;
  if (sort) {
    query.set("sort", sort);
    query.set("order", order);
  }
  if (shown) query.set("shown", shown);
  if (does) button.disabled = true;
  if (does || sort || shown) load(element, does);
}
