// The theme of the chat, the way back to its conversation, and news of what is being read.
(() => {
  const chosen = localStorage.getItem("vite-ui-theme") ?? "light";
  const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
  function leadBack() {
    const conversation = sessionStorage.getItem("docent-conversation"); // noted by docent.js
    if (conversation) document.querySelector("header a[href='/']")?.setAttribute("href", conversation);
  }
  addEventListener("click", leadBack, true); // also before the whole page is there
  addEventListener("DOMContentLoaded", () => {
    leadBack();
    if (document.getElementById("results")) return; // library.js looks at what is being read
    const busy = document.querySelector("[role=status].busy, .state.queued, .state.loading, .state.searchable");
    if (busy) setTimeout(look, 4000);
  });
  // A picture that cannot be had now: the server's sentence and the text of the page take its place.
  addEventListener("error", async (event) => {
    const picture = event.target;
    if (!picture.matches?.("img.sheet")) return;
    const reply = await fetch(picture.src);
    if (reply.ok || !reply.headers.get("content-type")?.startsWith("text/plain")) return;
    const note = Object.assign(document.createElement("p"), { textContent: await reply.text(), role: "status" });
    picture.nextElementSibling?.setAttribute("open", "");
    picture.replaceWith(note);
  }, true); // of a picture: does not bubble
  function look() {
    if (document.querySelector(":is(input, select):focus, details[open]")) setTimeout(look, 4000); // in use
    else location.reload();
  }
})();
