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

// A placeholder goes where the cursor is in the field beside the button.
document.addEventListener("click", (event) => {
  "use strict";
  const button = event.target.closest("[data-insert]");
  const field = button && document.getElementById(button.dataset.into);
  if (!field) return;
  field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
