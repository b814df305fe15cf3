// Polls the progress of an import, and reloads the page when its state changes.
"use strict";

(function follow() {
  const panel = document.querySelector("[data-progress]");
  if (!panel) return;
  const bar = panel.querySelector("progress");
  const text = panel.querySelector("[data-words]");
  const FIRST_POLL_MS = 700;
  const POLL_MS = 1000;

  async function poll() {
    try {
      const response = await fetch(panel.dataset.progress, { credentials: "same-origin" });
      if (!response.ok) throw new Error(response.status);
      const progress = await response.json();
      bar.value = progress.percent;
      text.textContent = progress.words;
      if (progress.state !== panel.dataset.state) { window.location.reload(); return; }
    } catch {
      text.textContent = "No answer from the server; trying again.";
    }
    window.setTimeout(poll, POLL_MS);
  }
  window.setTimeout(poll, FIRST_POLL_MS);
})();
