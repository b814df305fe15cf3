// The page of a distribution follows it: live.js brings the figures; when its state changes, and now
// and then, the other parts are taken from the page as it is now. What somebody types in stays.
(() => {
  "use strict";
  const DETAILS_MS = 15000; // between two looks at the parts that cost more to count
  let state = current();
  let lookedAt = Date.now();

  function current() {
    return document.getElementById("dashboard").dataset.state;
  }

  function isInUse(part) {
    const typed = [...part.querySelectorAll("input:not([type=hidden]), textarea")];
    return typed.some((field) => field === document.activeElement || field.value !== field.defaultValue);
  }

  function replace(part, fresh) {
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    const focused = part.contains(document.activeElement) ? document.activeElement.textContent : "";
    part.innerHTML = fresh.innerHTML;
    part.querySelectorAll("details").forEach((one, at) => (one.open = open[at] ?? one.open));
    if (!focused) return;
    const same = [...part.querySelectorAll("a, button, summary")].find((one) => one.textContent === focused);
    if (same) same.focus({ preventScroll: true });
  }

  async function look() {
    const address = new URL(location.href);
    address.searchParams.set("by-itself", "1");
    const response = await fetch(address, { credentials: "same-origin", cache: "no-store", redirect: "manual" });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh && !isInUse(part)) replace(part, fresh);
    }
  }

  document.addEventListener("live:updated", () => {
    if (current() === state && Date.now() - lookedAt < DETAILS_MS) return;
    state = current();
    lookedAt = Date.now();
    look().catch(() => (lookedAt = 0)); // again with the next figures
  });
})();
