// The source panel: a cited page beside the conversation. docent.js imports this at the first click on a citation.
// The server renders what is shown (docent/web/templates/sources/); this places it and answers its buttons.

const PHONE = matchMedia("(max-width: 767px)");
const KEPT = "docent-source-width"; // in localStorage: the panel's share of the window
const DEFAULT_SHARE = 0.5;
const NARROWEST = 320; // pixels, of the panel and of the conversation beside it
const LETTERS = 12; // pixels: the height of a marked line at which it can be read
const SMALLEST = 0.4; // times the width of the panel
const LARGEST = 4;

let panel = null; // the whole of it, beside the conversation
let content = null; // what the server rendered, in the panel
let opener = null; // the link that was clicked; it gets the focus back
let address = ""; // of the citation: it ends with its number
let zoom = 1;
let hits = [];
let hit = -1;
let asked = 0; // counts requests for a page, so that a late one does not replace a newer one

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = "/public/source.css";
const styled = new Promise((resolve) => (style.onload = style.onerror = resolve));
document.head.append(style);

const find = (selector) => panel?.querySelector(selector);
const view = () => find(".source-view");

/** Show the citation of an address, such as /cited/ANSWER/N. */
export async function open(wanted, link) {
  if (link) opener = link;
  const request = ++asked;
  const [response] = await Promise.all([fetch(wanted), styled]);
  if (request !== asked) return;
  address = wanted;
  place();
  content.innerHTML = await response.text();
  hits = [];
  hit = -1;
  zoom = 1;
  find("#side-view-title")?.focus({ preventScroll: true });
  shown({ zoomIn: true });
}

export function close() {
  asked++;
  panel?.remove();
  panel = null;
  document.documentElement.classList.remove("docent-source-open");
  document.getElementById("root").inert = false;
  opener?.isConnected && opener.focus({ preventScroll: true });
}

// --- the panel and its width ---------------------------------------------------------------

function place() {
  document.getElementById("root").inert = PHONE.matches;
  if (panel) return;
  content = document.createElement("div");
  content.id = "docent-source";
  content.addEventListener("click", press);
  content.addEventListener("submit", search);
  content.addEventListener("keydown", typed);
  content.addEventListener("error", undrawn, true); // of a picture: does not bubble
  panel = document.createElement("aside");
  panel.id = "docent-source-panel";
  panel.setAttribute("aria-labelledby", "side-view-title");
  panel.append(separator(), content);
  document.body.append(panel);
  document.documentElement.classList.add("docent-source-open");
  resize(Number(localStorage.getItem(KEPT)) || DEFAULT_SHARE, false);
}

function separator() {
  const handle = document.createElement("div");
  handle.className = "source-handle";
  handle.tabIndex = 0;
  for (const [name, value] of Object.entries({
    role: "separator",
    "aria-orientation": "vertical",
    "aria-label": french() ? "Largeur de la source" : "Width of the source",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  }))
    handle.setAttribute(name, value);
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (moved) => resize((innerWidth - moved.clientX) / innerWidth);
    event.preventDefault();
  });
  handle.addEventListener("pointerup", () => (handle.onpointermove = null));
  handle.addEventListener("dblclick", () => resize(DEFAULT_SHARE));
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: 0.05, ArrowRight: -0.05 }[event.key];
    if (step) resize(share() + step);
    if (event.key === "Home") resize(DEFAULT_SHARE);
  });
  return handle;
}

const french = () => navigator.language.toLowerCase().startsWith("fr");
const share = () => panel.getBoundingClientRect().width / innerWidth;

function resize(wanted, keep = true) {
  const sidebar = document.querySelector("[data-sidebar=sidebar]")?.getBoundingClientRect();
  const beside = (sidebar && sidebar.left >= 0 ? sidebar.width : 0) + NARROWEST;
  const width = Math.max(NARROWEST, Math.min(wanted * innerWidth, innerWidth - beside));
  document.documentElement.style.setProperty("--source-width", `${Math.round(width)}px`);
  const handle = panel.querySelector(".source-handle");
  handle.setAttribute("aria-valuenow", String(Math.round((100 * width) / innerWidth)));
  if (keep) localStorage.setItem(KEPT, String(width / innerWidth));
  fitLetters();
}

addEventListener("resize", () => {
  if (panel) resize(Number(localStorage.getItem(KEPT)) || DEFAULT_SHARE, false);
});
PHONE.addEventListener("change", () => panel && place());

// --- what it shows -------------------------------------------------------------------------

/** Bring the page that was put in into its shape: its zoom, its text, and the marked words in view. */
function shown({ zoomIn = false } = {}) {
  const page = find(".source-page");
  if (!page) return;
  const number = Number(page.dataset.page);
  const total = Number(page.dataset.total);
  find(".source-count").textContent = `${number} / ${total}`;
  for (const button of panel.querySelectorAll("[data-does=page]"))
    button.disabled = number + Number(button.value) < 1 || number + Number(button.value) > total;
  if (zoomIn) zoom = readable();
  setZoom(zoom);
  toMark();
}

/** Return the zoom at which the page's text fills the panel, or a marked line does if it is hard to read. */
function readable() {
  const marks = edges(".source-mark");
  const text = edges(".source-line");
  if (!marks || !text) return 1;
  const wide = view().clientWidth;
  const fill = (0.96 * wide) / (text.right - text.left);
  return Math.max(1, fill, Math.min(LETTERS / marks.lowest, (0.94 * wide) / (marks.right - marks.left)));
}

/** Return the left and right edge of elements, and the height of the lowest; null where there are none. */
function edges(selector) {
  const boxes = [...panel.querySelectorAll(selector)].map((element) => element.getBoundingClientRect());
  if (!boxes.length) return null;
  return {
    left: Math.min(...boxes.map((box) => box.left)),
    right: Math.max(...boxes.map((box) => box.right)),
    lowest: Math.min(...boxes.map((box) => box.height)),
  };
}

function setZoom(wanted) {
  zoom = Math.min(Math.max(wanted, SMALLEST), LARGEST);
  find(".source-sheet")?.style.setProperty("width", `${100 * zoom}%`);
  fitLetters();
}

/** Stretch each line of text over its line in the picture, so that what is selected is what is seen. */
function fitLetters() {
  for (const line of panel?.querySelectorAll(".source-line") ?? []) {
    line.style.fontSize = `${line.clientHeight * 0.8}px`;
    line.style.transform = "";
    const wide = line.scrollWidth;
    if (wide) line.style.transform = `scaleX(${line.clientWidth / wide})`;
  }
}

/** Scroll to the words that were searched, or else to those that are cited. */
function toMark() {
  const area = view();
  const mark = find(".source-hit") ?? find(".source-mark, mark");
  if (!mark) {
    area.scrollTop = 0;
    return;
  }
  const around = area.getBoundingClientRect();
  area.scrollTop += mark.getBoundingClientRect().top - around.top - around.height / 3;
  const { left, right } = edges(`.${mark.className || "source-none"}`) ?? around;
  const text = edges(".source-line") ?? around;
  const start = right - text.left <= around.width ? text.left : left; // the page's margin, if the mark is then seen
  area.scrollLeft += start - around.left - 0.02 * around.width;
}

/** Show the text of a page whose picture cannot be made. */
function undrawn(event) {
  const page = event.target.closest?.(".source-page");
  if (!page) return;
  page.querySelector(".source-sheet").hidden = true;
  page.querySelector(".source-undrawn").hidden = false;
  toMark();
}

async function toPage(number, marks = "") {
  const request = ++asked;
  const response = await fetch(`${address}/pages/${number}${marks && `?marks=${marks}`}`);
  const text = await response.text();
  if (request !== asked || !panel) return;
  view().innerHTML = text;
  shown();
}

// --- its buttons, its search, its keys -----------------------------------------------------

const ACTIONS = {
  close,
  source: (button) => open(address.replace(/\d+$/, button.value)),
  page: (button) => toPage(Number(find(".source-page").dataset.page) + Number(button.value)),
  zoom: (button) => setZoom(zoom * Number(button.value)),
  hit: (button) => toHit(hit + Number(button.value)),
};

function press(event) {
  const button = event.target.closest("button[data-does]");
  if (button) ACTIONS[button.dataset.does](button);
}

let searched = "";

async function search(event) {
  event.preventDefault();
  const words = find("[name=words]").value.trim();
  if (words === searched && hits.length) return toHit(hit + 1);
  const response = await fetch(`${address}/search?words=${encodeURIComponent(words)}`);
  if (!response.ok || !panel) return;
  searched = words;
  hits = await response.json();
  const here = Number(find(".source-page").dataset.page);
  for (const button of panel.querySelectorAll("[data-does=hit]")) button.disabled = hits.length < 2;
  if (hits.length) toHit(Math.max(0, hits.findIndex(([page]) => page >= here)));
  else find(".source-hits").textContent = words ? "0" : "";
}

function toHit(wanted) {
  hit = (wanted + hits.length) % hits.length;
  find(".source-hits").textContent = `${hit + 1} / ${hits.length}`;
  const [page, start, end] = hits[hit];
  toPage(page, `${start}-${end}`);
}

function typed(event) {
  const inField = event.target.matches("input");
  const does = inField ? null : { PageUp: ["page", -1], PageDown: ["page", 1] }[event.key];
  if (does) {
    find(`[data-does=${does[0]}][value="${does[1]}"]`)?.click();
    event.preventDefault();
  }
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !panel) return;
  const overlays = document.querySelectorAll("[role=dialog], [role=menu], [role=listbox]");
  if (![...overlays].some((overlay) => overlay.checkVisibility())) close();
});
