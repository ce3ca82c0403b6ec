// What changes on an open page: rows of the table, the rail, a line about a cluster
// that answers slowly, and relative times. app.js holds the event stream.
"use strict";
(() => {
  const on = (type, handler) => document.addEventListener(type, handler);
  const all = (selector) => document.querySelectorAll(selector);
  const body = document.body, grouped = (n) => Math.floor(n).toLocaleString("en-US");

  // --- the table: a reload changes only what differs (hx-swap="morph:…"). What the person
  // has changed stays: open menus, ticks, and texts in fields. ---
  const theirs = new Set(["open", "checked", "value", "data-ticked"]);
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (old) => !(old.nodeType === Node.ELEMENT_NODE && old.matches(".menu[open]")),
    beforeAttributeUpdated: (name, node) => !(theirs.has(name) && node.matches("details, input, select, tr")),
  });

  // --- the rail: elements that replace those with the same id ---
  on("rail-changed", (e) => {
    const received = new DOMParser().parseFromString(e.detail.data, "text/html");
    for (const piece of [...received.body.children]) {
      const old = document.getElementById(piece.id);
      if (old && !old.isEqualNode(piece)) old.replaceWith(piece);
    }
  });

  // --- the age of the data: it was confirmed without a change ---
  on("asof-changed", (e) => {
    for (const line of all(".as-of:not(.late)")) {
      line.dataset.asof = e.detail.data;
      line.querySelector("time").dateTime = e.detail.data;
    }
  });

  // --- requests that a cluster answers slowly: a line says so after a moment ---
  const delay = 400, waits = new Set();
  const place = (wait) => (wait.row?.isConnected ? wait.row : document).querySelector(".asking");
  function say() {
    for (const wait of waits) {
      const line = place(wait), ms = Date.now() - wait.began;
      if (!line || ms < delay) continue;
      const text = line.dataset.text.replace("#", Math.floor(ms / 1000));
      if (!wait.said) document.getElementById("live").textContent = line.dataset.say;
      [wait.said, line.hidden] = [true, false];
      if (line.lastElementChild.textContent !== text) line.lastElementChild.textContent = text;
    }
  }
  function stop(wait) {
    waits.delete(wait);
    clearInterval(wait.timer);
    const line = place(wait);
    if (line && ![...waits].some((other) => place(other) === line)) line.hidden = true;
  }
  on("htmx:beforeSend", (e) => {
    const row = e.detail.elt.closest("#clusters tr");
    if (!row && !["nodes", "overview", "node"].includes(e.detail.target?.id)) return;
    const wait = { row, began: Date.now(), timer: setInterval(say, 200), said: false };
    waits.add(wait);
    e.detail.xhr.addEventListener("loadend", () => stop(wait)); // after success, failure or cancellation
  });

  // --- loads that the page makes by itself: one that fails is made again, and what #flash
  // says of it goes when one succeeds. What #flash says to the person's own action stays. ---
  const unasked = (e) => e.detail.requestConfig?.headers["X-Background"] === "1";
  const passes = (status) => status === 0 || status === 429 || status >= 500;
  const flash = document.getElementById("flash"), later = new Map();
  let failures = 0;
  on("htmx:beforeSwap", (e) => {
    if (!flash || e.detail.target !== flash) return;
    const passing = unasked(e) && passes(e.detail.xhr.status);
    if (passing && flash.textContent.trim() && !flash.hasAttribute("data-passing")) e.detail.shouldSwap = false;
    else flash.toggleAttribute("data-passing", passing);
  });
  on("htmx:afterRequest", (e) => {
    if (!unasked(e) || !e.detail.successful) return;
    failures = 0;
    if (flash?.hasAttribute("data-passing")) flash.replaceChildren();
    flash?.removeAttribute("data-passing");
  });
  function again(e) {
    if (!unasked(e) || !passes(e.detail.xhr.status)) return;
    const { elt, requestConfig: { triggeringEvent: by } } = e.detail, own = !by || by.type === "again";
    const who = own ? elt : by.type, repeat = () => htmx.trigger(own ? elt : body, own ? "again" : by.type);
    clearTimeout(later.get(who));
    later.set(who, setTimeout(repeat, Math.min(30, 2 ** failures++) * 1000 * (0.75 + Math.random() / 2)));
  }
  for (const type of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) on(type, again);

  // --- relative times, by the server's clock and with the server's texts ---
  const words = body.dataset.ago.split("|");
  const skew = Date.now() - Date.parse(body.dataset.now);
  const since = (t) => (Date.now() - skew - Date.parse(t.dateTime)) / 1000;
  function write(t, text) {
    if (t.textContent !== text) t.textContent = text;
  }
  function ago(s) { // in one unit
    if (s < 2) return [0, 0];
    if (s < 120) return [1, s];
    if (s < 7200) return [2, s / 60];
    return s < 172800 ? [3, s / 3600] : [4, s / 86400];
  }
  function span(s) { // in two units
    if (s < 1) return [0];
    if (s < 60) return [1, s];
    return s < 3600 ? [2, s / 60, s % 60] : [3, s / 3600, s / 60 % 60];
  }
  setInterval(() => {
    if (document.hidden) return;
    for (const t of all("time[data-ago]")) {
      const [unit, n] = ago(Math.max(0, since(t)));
      write(t, words[unit].replace("#", grouped(n)));
    }
    for (const t of all("time[data-span]")) {
      const sign = t.dataset.span === "until" ? -1 : 1;
      const [unit, ...numbers] = span(Math.max(0, Math.round(sign * since(t))));
      const text = t.closest("[data-spell]").dataset.spell.split("|")[unit];
      write(t, numbers.reduce((text, n) => text.replace("#", grouped(n)), text));
    }
  }, 1000);

  // The server shows times in the reader's time zone, which it gets from this cookie.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone, secure = location.protocol === "https:";
  document.cookie = `zone=${zone}; path=${body.dataset.base}; max-age=31536000; samesite=lax` + (secure ? "; secure" : "");
})();
