// The search of nodes: suggestions while somebody types (a combobox), recent searches,
// and the menu of saved views. All HTML comes from the server. Without this script the
// box is a plain field.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);

  // The menu shows which view the table has now.
  document.addEventListener("toggle", (e) => {
    if (e.target.id !== "views" || !e.target.open) return;
    htmx.ajax("GET", e.target.dataset.load, { target: "#views-list", swap: "innerHTML" });
  }, true);

  const box = $("#q"), list = $("#suggest");
  if (!box || !list) return;
  const most = 400; // a longer text is a pasted list of names
  let active = null, wanted = 0, timer = 0, kept = box.value.trim();

  for (const [name, value] of Object.entries({
    role: "combobox", "aria-controls": "suggest", "aria-expanded": "false", "aria-autocomplete": "list",
  })) box.setAttribute(name, value);

  function mark(option) {
    active?.setAttribute("aria-selected", "false");
    active = option ?? null;
    active?.setAttribute("aria-selected", "true");
    active?.scrollIntoView({ block: "nearest" });
    active ? box.setAttribute("aria-activedescendant", active.id) : box.removeAttribute("aria-activedescendant");
  }
  function close() {
    clearTimeout(timer);
    wanted++; // an answer that is on its way is late
    mark(null);
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
  }
  // open asks the server after a short rest, so that it never holds up the typing.
  function open(rest) {
    clearTimeout(timer);
    const mine = ++wanted;
    if (box.value.length > most) return close();
    timer = setTimeout(async () => {
      const caret = box.selectionEnd ?? box.value.length;
      const url = new URL(list.dataset.load, location.href);
      url.searchParams.set("before", box.value.slice(0, caret));
      url.searchParams.set("after", box.value.slice(caret));
      const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
      const html = answer?.ok && !answer.redirected ? await answer.text() : "";
      if (mine !== wanted || document.activeElement !== box) return;
      mark(null);
      htmx.swap(list, html, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
      list.hidden = !list.querySelector("[role=option]");
      box.setAttribute("aria-expanded", String(!list.hidden));
    }, rest);
  }
  function choose(option) {
    if (option.dataset.href) {
      location.assign(option.dataset.href);
      return;
    }
    const { text, after = "" } = option.dataset;
    box.value = text + after;
    box.setSelectionRange(text.length, text.length);
    close();
    box.dispatchEvent(new Event("input", { bubbles: true })); // the table follows
  }
  // remember sends a search that somebody has finished, if the table took it.
  function remember() {
    const text = box.value.trim();
    if (!text || text === kept || text.length > most || $("#nodes .problem")) return;
    kept = text;
    const headers = { Accept: "application/json" };
    fetch(list.dataset.keep, { method: "POST", body: new URLSearchParams({ q: text }), headers, keepalive: true })
      .catch(() => {}); // the search itself does not depend on it
  }

  box.addEventListener("input", () => open(150));
  box.addEventListener("focus", () => { if (!box.value) open(0); });
  box.addEventListener("blur", () => {
    close();
    remember();
  });
  box.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    const options = [...list.querySelectorAll("[role=option]")], shown = !list.hidden;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      if (!shown) return open(0);
      const step = e.key === "ArrowDown" ? 1 : -1;
      const next = active ? options.indexOf(active) + step : step > 0 ? 0 : options.length - 1;
      mark(options[next]); // past an end, nothing is marked
    } else if (e.key === "Enter" && shown && active) {
      e.preventDefault();
      choose(active);
    } else if (e.key === "Enter") {
      close();
      remember();
    } else if (e.key === "Escape" && shown) {
      e.stopPropagation(); // the next one leaves the field
      e.preventDefault(); // a search field would be emptied
      close();
    }
  });
  list.addEventListener("mousedown", (e) => e.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (e) => {
    const option = e.target.closest("[role=option]");
    if (option) choose(option);
  });
})();
