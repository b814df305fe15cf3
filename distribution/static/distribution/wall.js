// Keeps the board up to date: asks for it again and again, and says so when answers stay away.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  const signedOut = document.getElementById("signed-out");
  const pulse = document.getElementById("pulse");
  const PATIENCE = 5000; // milliseconds: an answer that takes longer is given up
  const LATE = 6000; // beyond the asking itself: then the board is old and says so
  const OUTSIDE = 15000; // how often who is signed out asks whether that has changed
  let heard = Date.now();
  let ask = delay();

  function delay() {
    const board = document.getElementById("board");
    return Number(board && board.dataset.ask) || 2000;
  }

  function tell({ words = "", outside = false }) {
    const old = outside || Boolean(words);
    stale.textContent = words;
    stale.hidden = outside || !words;
    signedOut.hidden = !outside;
    document.body.classList.toggle("is-stale", old);
    pulse.textContent = old ? "Not up to date" : "Live";
  }

  async function update() {
    const answer = await fetch(live.dataset.from, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "manual", // to the sign-in page
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      ask = OUTSIDE;
      tell({ outside: true });
      return;
    }
    const text = answer.ok ? await answer.text() : "";
    if (!text.includes('id="board"')) throw new Error(`answer ${answer.status}`);
    live.innerHTML = text;
    heard = Date.now();
    ask = delay();
    tell({});
  }

  async function round() {
    const began = Date.now();
    try {
      await update();
    } catch {
      // The check below tells when answers have stayed away for too long.
    }
    setTimeout(round, Math.max(0, ask - (Date.now() - began)));
  }

  setInterval(() => {
    const old = Date.now() - heard;
    if (old > ask + LATE && signedOut.hidden) {
      tell({ words: `No update for ${Math.round(old / 1000)} seconds: what is shown is old.` });
    }
  }, 1000);
  setTimeout(round, ask);
})();
