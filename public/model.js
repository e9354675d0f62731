// The model in the header: its state at a glance, and a panel to choose another or to download one.
// The server renders the panel (docent/web/templates/models/panel.html).

const CHOSEN = "docent-model";
const CHOOSE = "docent-choose-model";
const SOON = 1000; // milliseconds until the state is asked for again: during a download,
const LATER = 15000; // and while the model is not ready

const chip = document.createElement("button");
chip.id = "docent-model";
chip.type = "button";
chip.hidden = true;
chip.setAttribute("aria-haspopup", "dialog");
chip.setAttribute("aria-expanded", "false");
chip.addEventListener("click", toggle);

const panel = document.createElement("div");
panel.id = "docent-model-panel";
panel.setAttribute("role", "dialog");
panel.popover = "auto";
panel.addEventListener("change", choose);
panel.addEventListener("click", press);
panel.addEventListener("submit", submit);
panel.addEventListener("toggle", (event) => {
  const open = event.newState === "open";
  chip.setAttribute("aria-expanded", String(open));
  if (open) panel.querySelector("input:checked, button, input")?.focus();
});
document.body.append(panel);

let name = ""; // of the model of this conversation; empty: that of the settings
let timer = 0;
let asked = 0;

/** Put the chip into the header, which the page draws again for each conversation. */
export function place() {
  const bar = document.querySelector("#header > :last-child");
  if (bar && chip.parentElement !== bar) bar.prepend(chip);
}

async function refresh() {
  clearTimeout(timer);
  const request = ++asked;
  const response = await fetch(`/model?name=${encodeURIComponent(name)}`).catch(() => null);
  if (request !== asked) return;
  if (response?.ok) show(await response.text());
  const state = panel.firstElementChild?.dataset.state;
  if (response?.ok && state !== "ready")
    timer = setTimeout(refresh, document.hidden ? LATER : state === "downloading" || downloads() ? SOON : LATER);
  else if (downloads()) timer = setTimeout(refresh, SOON);
}

const downloads = () => panel.querySelector("progress") !== null;

function show(html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  const now = fresh.firstElementChild;
  const shown = panel.firstElementChild;
  // What somebody is at stays as it is.
  const busy = shown?.dataset.name === now.dataset.name && shown.contains(document.activeElement);
  if (busy) {
    for (const part of shown.children)
      if (!part.contains(document.activeElement)) {
        const fresh = now.querySelector(part.className ? `.${part.className}` : part.localName);
        if (fresh) part.replaceWith(fresh.cloneNode(true));
      }
    if (!shown.querySelector("fieldset") && now.querySelector("fieldset"))
      shown.querySelector(".model-status").after(now.querySelector("fieldset").cloneNode(true));
    Object.assign(shown.dataset, now.dataset);
  } else panel.replaceChildren(now);
  const { label, state } = now.dataset;
  panel.setAttribute("aria-label", label);
  chip.dataset.state = state;
  chip.setAttribute("aria-label", label);
  chip.title = label;
  const text = document.createElement("span");
  text.textContent = now.dataset.name;
  chip.replaceChildren(text);
  chip.hidden = false;
  dispatchEvent(new CustomEvent("docent-model", { detail: panel.firstElementChild }));
}

async function toggle() {
  if (panel.matches(":popover-open")) return panel.hidePopover();
  const at = chip.getBoundingClientRect();
  panel.style.top = `${at.bottom + 6}px`;
  panel.showPopover();
  const window = document.documentElement.clientWidth;
  panel.style.right = `${Math.max(8, Math.min(window - at.right, window - panel.offsetWidth - 8))}px`;
  refresh();
}

function choose(event) {
  if (event.target.name !== "model") return;
  postMessage({ [CHOOSE]: event.target.value }, location.origin);
}

function press(event) {
  const button = event.target.closest("[data-download]");
  if (button) download(button.dataset.download);
}

function submit(event) {
  event.preventDefault();
  download(new FormData(event.target).get("name").trim());
}

export async function download(wanted) {
  const response = await fetch("/model/download", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: wanted }),
  });
  const refusal = panel.querySelector(".model-refusal");
  if (refusal) refusal.textContent = response.ok ? "" : (await response.json()).detail;
  if (response.ok) refresh();
}

addEventListener("message", (event) => {
  if (event.source !== window || typeof event.data?.[CHOSEN] !== "string") return;
  if (name === event.data[CHOSEN]) return;
  name = event.data[CHOSEN];
  refresh();
});

place();
refresh();
