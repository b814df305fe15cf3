// Asks how far an import is, and opens the page anew when it has come to its next step.
"use strict";

(function follow() {
  const place = document.querySelector("[data-progress]");
  if (!place) return;
  const bar = place.querySelector("progress");
  const words = place.querySelector("[data-words]");

  async function look() {
    try {
      const answer = await fetch(place.dataset.progress, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      bar.value = now.percent;
      words.textContent = now.words;
      if (now.state !== place.dataset.state) { window.location.reload(); return; }
    } catch {
      words.textContent = "No answer from the server; trying again.";
    }
    window.setTimeout(look, 1000);
  }
  window.setTimeout(look, 700);
})();
