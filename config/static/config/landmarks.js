// Boxes that scroll are no landmarks: several of the same name are in the way of a screen reader.
window.addEventListener("load", () => {
  "use strict";
  document.querySelectorAll(".simplebar-content-wrapper").forEach((box) => box.setAttribute("role", "group"));
  // Django's help beside a list of choices, which it adds at the same event.
  setTimeout(() => {
    document.querySelectorAll(".help-tooltip[aria-label]").forEach((sign) => sign.setAttribute("role", "img"));
  });
});
