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
  function look() {
    if (document.querySelector(":is(input, select):focus, details[open]")) setTimeout(look, 4000); // in use
    else location.reload();
  }
})();
