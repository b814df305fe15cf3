// Keeps the board up to date: asks for it again and again, and says so when answers stay away.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  const pulse = document.getElementById("pulse");
  const PATIENCE = 5000; // milliseconds: an answer that takes longer is given up
  const LATE = 6000; // beyond the asking itself: then the board is old and says so
  let heard = Date.now();
  let ask = delay();

  function delay() {
    const board = document.getElementById("board");
    return Number(board && board.dataset.ask) || 2000;
  }

  function warn(words) {
    stale.textContent = words;
    stale.hidden = !words;
    document.body.classList.toggle("is-stale", Boolean(words));
    pulse.textContent = words ? "Not up to date" : "Live";
  }

  async function update() {
    const answer = await fetch(live.dataset.from, {
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      throw new Error("signed out");
    }
    const text = answer.ok ? await answer.text() : "";
    if (!text.includes('id="board"')) throw new Error(`answer ${answer.status}`);
    live.innerHTML = text;
    heard = Date.now();
    ask = delay();
    warn("");
  }

  async function round() {
    const began = Date.now();
    try {
      await update();
    } catch (error) {
      if (error.message === "signed out") warn("You are signed out: reload the page to sign in.");
    }
    setTimeout(round, Math.max(0, ask - (Date.now() - began)));
  }

  setInterval(() => {
    const old = Date.now() - heard;
    if (old > ask + LATE && !stale.textContent.startsWith("You are")) {
      warn(`No update for ${Math.round(old / 1000)} seconds: what is shown is old.`);
    }
  }, 1000);
  setTimeout(round, ask);
})();
