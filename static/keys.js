// The keyboard: the operations, the rows of the table, jumps to pages, and the command
// palette. Keys press the buttons and links of the page, so they can do no more than
// these. The texts of the palette are theirs.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const body = document.body;

  // --- rows: the focus is on the name of a node, so that Enter opens its page ---
  const row = () => document.activeElement?.closest("#nodes tr[data-node]");
  function step(by) {
    const rows = all("#nodes tr[data-node]").filter((r) => r.checkVisibility()), at = rows.indexOf(row());
    const next = at < 0 ? rows.at(by > 0 ? 0 : -1) : rows[at + by];
    next?.querySelector(".name a").focus();
    next?.scrollIntoView({ block: "nearest" });
  }
  function tick(shiftKey) {
    row()?.querySelector("[name=node]")?.dispatchEvent(new MouseEvent("click", { shiftKey, bubbles: true }));
  }

  // --- the palette: what the page offers, by its name ---
  const palette = $("#palette"), input = $("#palette-q"), list = $("#palette-list");
  const shown = 12;
  let commands = [];
  function nameOf(element) {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("kbd, .n, .sr-only, svg, .unscripted").forEach((part) => part.remove());
    return copy.textContent.replace(/\s+/g, " ").trim() || element.getAttribute("aria-label") || element.title;
  }
  function collect() {
    const operations = body.hasAttribute("data-selected") ? "#batch [data-key], #bar .menu button" : "#node [data-key]";
    const kinds = [operations, "main nav a[href]:not(.pager *)", ".rail li a[href]", "#nodes tr[data-node] .name a"];
    const seen = new Set();
    commands = kinds.flatMap(all)
      .map((element) => ({ element, name: nameOf(element), key: element.dataset.key ?? "" }))
      .filter(({ name }) => name && !seen.has(name) && seen.add(name));
  }
  function option(name, key, run) {
    const item = $("#palette-row").content.firstElementChild.cloneNode(true);
    item.querySelector("span").textContent = name;
    item.querySelector("kbd").textContent = key;
    item.querySelector("kbd").hidden = !key;
    item.addEventListener("click", () => { palette.close(); run(); });
    return item;
  }
  function filter() {
    const text = input.value.trim(), words = text.toLowerCase().split(/\s+/);
    const matching = commands.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    const options = matching.slice(0, shown).map((c) => option(c.name, c.key, () => c.element.click()));
    if (text) options.push(option(palette.dataset.search.replace("#", text), "", () => {
      location.assign(palette.dataset.nodes + "?q=" + encodeURIComponent(text));
    }));
    options.forEach((item, i) => { item.id = "palette-" + i; });
    list.replaceChildren(...options);
    choose(0);
  }
  function choose(at) {
    const options = [...list.children], chosen = options.at(at % Math.max(1, options.length));
    for (const item of options) item.setAttribute("aria-selected", String(item === chosen));
    input.setAttribute("aria-activedescendant", chosen?.id ?? "");
    chosen?.scrollIntoView({ block: "nearest" });
  }
  const chosen = () => [...list.children].findIndex((item) => item.getAttribute("aria-selected") === "true");
  function open() {
    collect();
    input.value = "";
    filter();
    palette.showModal();
    input.focus();
  }
  input?.addEventListener("input", filter);
  input?.addEventListener("keydown", (e) => {
    if (e.isComposing) return; // the key belongs to the input method
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by) choose(chosen() + by);
    if (e.key === "Enter") list.children[chosen()]?.click();
    if (by || e.key === "Enter") e.preventDefault();
  });

  // --- keys ---
  let jumping = 0; // until when the next key names a page
  function jump(key) {
    jumping = 0;
    all(`[data-go="${key}"]`).at(0)?.click();
  }
  function escape(field) { // closes an open menu, or leaves a field, or clears the selection
    const menu = all(".menu[open]").pop();
    if (!menu) return field ? field.blur() : $("#bar [data-clear]")?.click();
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const actions = {
    "/": (e) => { e.preventDefault(); $("#q")?.select(); },
    "?": () => $("#keys")?.showModal(),
    j: () => step(1), k: () => step(-1),
    x: () => tick(false), X: () => tick(true),
    g: () => { jumping = Date.now() + 1500; },
  };
  function operate(e) {
    const usable = !$("#bar") || body.hasAttribute("data-selected");
    if (usable && !e.repeat && /^[a-z]$/.test(e.key)) $(`#batch [data-key="${e.key}"]`)?.click();
  }
  document.addEventListener("keydown", (e) => {
    if (e.isComposing || $("dialog[open]")) return;
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key === "k" && palette) { e.preventDefault(); return open(); }
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const field = e.target.closest("input:not([type=checkbox]), select, textarea");
    if (e.key === "Escape") return escape(field);
    if (field) return;
    if (Date.now() < jumping) return jump(e.key);
    actions[e.key] ? actions[e.key](e) : operate(e);
  });
})();
