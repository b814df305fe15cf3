// Asks before a page with changes that were not saved is left, whatever its form. What a form sends
// is not lost, what another form of the page holds is: then it asks, too.
(() => {
  "use strict";
  const touched = new WeakSet(); // forms in which somebody typed or chose something
  let sent = null; // the form on its way
  let discards = false; // by a link that says so

  // Searching, choosing rows and signing in save nothing.
  const KEEPS_NOTHING = "[role=search], #changelist-form, #login-form";
  const forms = () =>
    [...document.querySelectorAll("form[method=post]")].filter((form) => !form.matches(KEEPS_NOTHING));

  function isChanged(field) {
    if (field.type === "hidden" || "notSaved" in field.dataset) return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    if (field.options) {
      const options = [...field.options];
      const isMarked = options.some((option) => option.defaultSelected);
      if (!isMarked && !field.multiple) return field.selectedIndex > 0;
      return options.some((option) => option.selected !== option.defaultSelected);
    }
    return "defaultValue" in field && field.value !== field.defaultValue;
  }

  // What was sent and shown again, with an error or a question, is not saved either.
  function isUnsaved(form) {
    if (form === sent) return false;
    if (form.querySelector("[data-unsaved]")) return true;
    return touched.has(form) && [...form.elements].some(isChanged);
  }

  function onTouch(event) {
    if (event.target.form) touched.add(event.target.form);
  }
  document.addEventListener("input", onTouch);
  document.addEventListener("change", onTouch);

  window.addEventListener("submit", (event) => {
    sent = event.defaultPrevented ? null : event.target;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("a[data-discard]")) discards = true;
  });
  window.addEventListener("pageshow", () => { sent = null; discards = false; });
  window.addEventListener("beforeunload", (event) => {
    if (discards || !forms().some(isUnsaved)) return;
    sent = null; // who stays may go on typing
    event.preventDefault();
  });
})();
