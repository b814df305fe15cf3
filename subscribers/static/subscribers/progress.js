// Polls the progress of an import, and reloads the page when its state changes.
"use strict";

(function follow() {
  const panel = document.querySelector("[data-progress]");
  if (!panel) return;
  const bar = panel.querySelector("progress");
  const text = panel.querySelector("[data-words]");
  const FIRST_POLL_MS = 700;
  const POLL_MS = 1000;
  const SIGNED_OUT_POLL_MS = 15000; // until somebody signs in again

  // Nobody asked for the reload: it does not prolong the session (config/staff/sessions.py).
  function reload() {
    window.location.replace(`${window.location.pathname}?by-itself=1`);
  }

  async function poll() {
    let wait = POLL_MS;
    try {
      const response = await fetch(panel.dataset.progress, {
        credentials: "same-origin",
        cache: "no-store",
        redirect: "manual", // to the sign-in page
      });
      if (response.type === "opaqueredirect") {
        text.textContent = "You were signed out. Sign in in another tab. The import continues.";
        wait = SIGNED_OUT_POLL_MS;
      } else {
        if (!response.ok) throw new Error(response.status);
        const progress = await response.json();
        bar.value = progress.percent;
        text.textContent = progress.words;
        if (progress.state !== panel.dataset.state) { reload(); return; }
      }
    } catch {
      text.textContent = "No answer from the server. Trying again.";
    }
    window.setTimeout(poll, wait);
  }
  window.setTimeout(poll, FIRST_POLL_MS);
})();
