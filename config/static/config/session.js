// Keeps what is typed when the session ends: says so in a line, asks before a form is sent, and
// gives forms the token of a session that began in another tab.
(() => {
  "use strict";
  const ASK_URL = "/admin/signed-in/";
  const SIGN_IN_URL = "/admin/"; // leads to the page for the password or the code
  const SIGNED_OUT = "You were signed out. Sign in in another tab, then save.";
  const ASK_AFTER_MS = 60000; // since the server last took this page's session
  const ASK_TIMEOUT_MS = 4000; // then the form is sent as it is
  const NO_ANSWER = "The server does not answer. What you typed is still here.";
  const COOKIE = /(?:^|;\s*)(?:__Host-csrf|csrftoken)=([^;]+)/;
  const sure = new WeakSet(); // forms that may be sent now
  const asking = new WeakSet();
  let sureAt = Date.now();
  let isOut = false;

  function renewTokens() {
    const token = COOKIE.exec(document.cookie);
    if (!token) return "";
    document.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((input) => {
      input.value = token[1];
    });
    return token[1];
  }

  function line() {
    let found = document.getElementById("session-line");
    if (!found) {
      found = document.createElement("div");
      found.id = "session-line";
      found.className = "session-line";
      found.setAttribute("role", "alert");
      document.body.prepend(found);
    }
    return found;
  }

  function show(text, { signIn = false } = {}) {
    const words = document.createElement("span");
    words.textContent = text;
    const parts = [words];
    if (signIn) {
      const link = document.createElement("a");
      Object.assign(link, { href: SIGN_IN_URL, target: "_blank", rel: "noopener" });
      link.textContent = "Sign in in another tab";
      parts.push(link);
    }
    line().replaceChildren(...parts);
    line().hidden = false;
  }

  function showAnswer(status, html) {
    isOut = status === 401;
    const text = new DOMParser().parseFromString(html, "text/html").body.textContent.trim();
    show(text.length < 300 && text ? text : `The server refused this (${status}).`, { signIn: isOut });
  }

  function allIsWell() {
    sureAt = Date.now();
    isOut = false;
    const shown = document.getElementById("session-line");
    if (shown) shown.hidden = true;
  }

  // true: signed in; false: not, and the line says so; undefined: nobody knows.
  async function ask() {
    try {
      const response = await fetch(ASK_URL, {
        credentials: "same-origin",
        cache: "no-store",
        redirect: "manual", // to the sign-in page
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      });
      if (response.ok) { allIsWell(); return true; }
      if (response.type !== "opaqueredirect") return undefined;
      isOut = true;
      show(SIGNED_OUT, { signIn: true });
      return false;
    } catch {
      return undefined;
    }
  }

  async function askThenSend(form, button) {
    asking.add(form);
    const answer = await ask();
    asking.delete(form);
    if (answer === false) return;
    sure.add(form);
    form.requestSubmit(button);
    sure.delete(form);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    renewTokens();
    if (sure.has(form) || (!isOut && Date.now() - sureAt < ASK_AFTER_MS)) return;
    event.preventDefault();
    if (!asking.has(form)) askThenSend(form, event.submitter);
  });

  // Who comes back from the tab where they signed in sees at once that all is well again.
  function onReturn() {
    renewTokens();
    if (isOut && document.visibilityState === "visible") ask();
  }
  document.addEventListener("visibilitychange", onReturn);
  window.addEventListener("focus", onReturn);
  window.addEventListener("pageshow", (event) => { if (event.persisted) sureAt = 0; });

  document.addEventListener("htmx:configRequest", (event) => {
    const token = renewTokens();
    if (token && event.detail.verb === "post") event.detail.parameters.csrfmiddlewaretoken = token;
  });
  document.addEventListener("htmx:responseError", (event) => {
    showAnswer(event.detail.xhr.status, event.detail.xhr.responseText);
  });
  document.addEventListener("htmx:sendError", () => show(NO_ANSWER));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) allIsWell();
  });
})();
