// Beside the search of nodes: the menu of saved views. All HTML comes from the server.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);

  // The menu shows which view the table has now.
  document.addEventListener("toggle", (e) => {
    if (e.target.id !== "views" || !e.target.open) return;
    htmx.ajax("GET", e.target.dataset.load, { target: "#views-menu", swap: "innerHTML" });
  }, true);
})();
