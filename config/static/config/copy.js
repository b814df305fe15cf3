// Buttons that copy a key or a code: <button data-copy="…" data-copied="Copied">.
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const words = button.dataset.words ?? button.textContent;
  button.dataset.words = words;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  } catch { // no permission, or no HTTPS: the text beside it can be selected
    return;
  }
  setTimeout(() => { button.textContent = words; }, 2000);
});
