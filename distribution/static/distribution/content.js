// The fields of another message template are those of the moment it was chosen: what was typed
// since, or a file chosen since, stays in a field of the same name.
(() => {
  "use strict";
  const SLOTS = "slots";
  let typed = new Map();

  const fields = (slots) => slots.querySelectorAll("textarea, input:not([type=hidden])");

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== SLOTS) return;
    typed = new Map([...fields(event.detail.target)].map((field) => [field.name, field]));
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== SLOTS) return;
    fields(event.detail.target).forEach((field) => {
      const before = typed.get(field.name);
      if (!before) return;
      if (field.type === "file") field.files = before.files;
      else field.value = before.value;
    });
  });
})();
