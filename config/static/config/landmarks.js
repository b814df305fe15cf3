// Boxes that scroll are no landmarks: several of the same name are in the way of a screen reader.
window.addEventListener("load", () => {
  "use strict";
  document.querySelectorAll(".simplebar-content-wrapper").forEach((box) => box.setAttribute("role", "group"));
});
