// Keeps a page's figures up to date: fetches the fragment again and again, and warns when that
// fails. A fragment that says "0" is the last one.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  const signedOut = document.getElementById("signed-out");
  const refreshStatus = document.getElementById("refresh-status");
  const TIMEOUT_MS = 5000; // of one fetch
  const OVERDUE_MS = 6000; // past the refresh interval: from then on the figures count as old
  const SIGNED_OUT_REFRESH_MS = 15000; // until somebody signs in again
  let updatedAt = Date.now();
  let refreshMs = interval();

  function interval() {
    const dashboard = document.getElementById("dashboard");
    const wanted = dashboard ? Number(dashboard.dataset.refreshMs) : NaN;
    return Number.isNaN(wanted) ? 2000 : wanted;
  }

  function show({ warning = "", isSignedOut = false }) {
    const isOld = isSignedOut || Boolean(warning);
    stale.textContent = warning;
    stale.hidden = isSignedOut || !warning;
    signedOut.hidden = !isSignedOut;
    document.body.classList.toggle("is-stale", isOld);
    refreshStatus.textContent = isOld ? "Not up to date" : refreshMs ? "Live" : "Final figures";
  }

  async function update() {
    const response = await fetch(live.dataset.fragmentUrl, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual", // to the sign-in page
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) {
      refreshMs = SIGNED_OUT_REFRESH_MS;
      show({ isSignedOut: true });
      return;
    }
    const html = response.ok ? await response.text() : "";
    if (!html.includes('id="dashboard"')) throw new Error(`status ${response.status}`);
    live.innerHTML = html;
    updatedAt = Date.now();
    refreshMs = interval();
    show({});
    document.dispatchEvent(new CustomEvent("live:updated"));
  }

  async function poll() {
    const began = Date.now();
    try {
      await update();
    } catch {
      // The timer below warns when no update has come for too long.
    }
    if (refreshMs) setTimeout(poll, Math.max(0, refreshMs - (Date.now() - began)));
  }

  setInterval(() => {
    const age = Date.now() - updatedAt;
    if (refreshMs && age > refreshMs + OVERDUE_MS && signedOut.hidden) {
      show({ warning: `No update for ${Math.round(age / 1000)} seconds. These figures are out of date.` });
    }
  }, 1000);
  setTimeout(poll, refreshMs);

  // Who signed in anew in another tab has another token: Pause works at the first click all the same.
  document.addEventListener("submit", (event) => {
    const token = /(?:^|;\s*)(?:__Host-csrf|csrftoken)=([^;]+)/.exec(document.cookie);
    const field = event.target.elements.csrfmiddlewaretoken;
    if (token && field) field.value = token[1];
  });
})();
