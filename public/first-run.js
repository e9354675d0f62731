// The first start: what to do while there is no document. docent.js imports this with the welcome screen.
// The server renders the card (docent/web/templates/first_run.html).

const SOON = 700; // milliseconds until the progress is asked for again

let card = null; // as the server rendered it
let model = null; // the panel of the model, from model.js
let asking = false;

/** Put the card on the welcome screen, if there is one and no document. */
export async function place() {
  const screen = document.getElementById("welcome-screen");
  if (!screen) return;
  if (card && !screen.contains(card)) screen.append(card);
  if (!card && !asking) refresh();
}

async function refresh() {
  asking = true;
  const response = await fetch("/first-run").catch(() => null);
  if (response?.status === 204 && card?.dataset.state === "reading") return location.reload(); // its questions are offered now
  if (response?.status !== 200) return; // there are documents, or nobody is logged in
  const fresh = document.createElement("div");
  fresh.innerHTML = await response.text();
  const now = fresh.firstElementChild;
  now.addEventListener("click", press);
  if (card) card.replaceWith(now);
  card = now;
  showModel();
  document.getElementById("welcome-screen")?.append(card);
  if (card.dataset.state === "reading") setTimeout(refresh, SOON);
  else asking = false;
}

/** Show what is to be done about a model that is not ready. */
function showModel() {
  const place = card?.querySelector(".first-model");
  if (!place || !model) return;
  const status = model.querySelector(".model-status");
  place.hidden = model.dataset.state === "ready" && !status.querySelector("progress");
  const name = document.createElement("strong");
  name.textContent = model.dataset.label;
  place.replaceChildren(name, status.cloneNode(true));
}

async function press(event) {
  const button = event.target.closest("button");
  if (button?.dataset.does === "attach") document.getElementById("upload-button-input")?.click();
  if (button?.dataset.does === "samples") {
    await fetch("/first-run/samples", { method: "POST" });
    refresh();
  }
  if (button?.dataset.download) (await import("/public/model.js")).download(button.dataset.download);
}

addEventListener("docent-model", (event) => {
  model = event.detail;
  showModel();
});
