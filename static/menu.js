// The menu of a row in the table of nodes. HTMX loads it into #row-menu, a popover outside of
// the table: what changes in the table leaves it open. This file shows it beside its button
// and handles the keyboard.
"use strict";
(() => {
  // The form of the columns, which HTMX loads into its dialog.
  const columns = document.querySelector("dialog#columns");
  document.addEventListener("htmx:afterSwap", (e) => {
    if (!columns || e.target !== columns) return;
    htmx.process(columns); // not only when it settles: the form can be used at once
    if (columns.open) return;
    columns.showModal();
    columns.querySelector("[name=show]").focus();
  });
  const on = (type, handler, capture) => document.addEventListener(type, handler, capture);
  const menu = document.getElementById("row-menu");
  if (!menu?.showPopover) return; // the button leads to the page of the node
  let opener = ""; // the id of the button: a live reload may replace the element
  const button = () => document.getElementById(opener);
  const items = () => [...menu.querySelectorAll("input:not([type=hidden]), button, a")];

  function place() {
    const at = button()?.getBoundingClientRect();
    if (!at) return;
    const below = at.bottom + 4, above = at.top - menu.offsetHeight - 4;
    const fits = below + menu.offsetHeight <= innerHeight || above < 0;
    menu.style.top = Math.max(4, Math.min(fits ? below : above, innerHeight - menu.offsetHeight - 4)) + "px";
    menu.style.left = Math.max(4, at.right - menu.offsetWidth) + "px";
  }
  function mark(open) {
    button()?.setAttribute("aria-expanded", String(open));
  }
  let closed = 0; // when the browser closed it, for a press outside of it
  menu.addEventListener("beforetoggle", (e) => { if (e.newState === "closed") closed = Date.now(); });
  function hide() {
    menu.hidePopover();
    closed = 0;
  }
  on("htmx:beforeRequest", (e) => {
    if (e.detail.target?.id !== "row-menu") return;
    // The press of its own button has just closed it, and is not to open it again.
    if (e.detail.elt.id === opener && Date.now() - closed < 400) return e.preventDefault();
    if (!menu.matches(":popover-open")) return;
    mark(false);
    hide();
  });
  on("htmx:afterSwap", (e) => {
    if (e.target !== menu) return;
    opener = e.detail.requestConfig.elt.id;
    htmx.process(menu); // not only when it settles: the menu can be used at once
    menu.showPopover();
    place();
    mark(true);
    menu.querySelector("[name=operation]").focus();
  });
  on("htmx:afterSettle", (e) => { // the table was reloaded: its button says that it is open again
    if (e.target.id !== "nodes" || !menu.matches(":popover-open")) return;
    mark(true);
    place();
  });
  menu.addEventListener("toggle", (e) => {
    if (e.newState === "open") return;
    mark(false);
    if (document.activeElement === document.body) button()?.focus();
  });
  menu.addEventListener("submit", hide);
  on("scroll", () => { if (menu.matches(":popover-open")) place(); }, true);

  // Keys in the menu are not shortcuts of the page.
  on("keydown", (e) => {
    if (!menu.contains(e.target)) return;
    e.stopImmediatePropagation();
    const list = items(), step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (e.key === "Escape") {
      e.preventDefault();
      hide();
      button()?.focus();
    }
    if (!step) return;
    e.preventDefault();
    list[(list.indexOf(document.activeElement) + step + list.length) % list.length].focus();
  }, true);
})();
