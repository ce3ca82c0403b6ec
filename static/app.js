// The page's own behaviour: the selection, the one event stream, keys, and time
// that passes. Events are delegated, so that swapped parts need no setting up.
// Words come from the server in data attributes, HTML from nowhere else.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const on = (types, handler, capture) => types.split(" ").forEach((type) => document.addEventListener(type, handler, capture));
  const body = document.body, grouped = (n) => n.toLocaleString("en-US");
  const store = (key, value) => { // undefined reads, null removes
    try {
      if (value === undefined) return sessionStorage.getItem(key);
      value === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, value);
    } catch { /* a full or forbidden storage only costs the comfort */ }
    return null;
  };

  // --- selection: names of one cluster, or all that its filters let through but
  // for some, over all pages and reloads ---
  const form = $("#batch"), bar = $("#bar");
  const cluster = $("#batch, #plan-form, #edit-form, #apply-form")?.dataset.cluster;
  const key = "selected:" + cluster, reasonKey = "reason:" + cluster;
  const kept = JSON.parse(store(key) || "{}");
  const picked = new Set(kept.names), except = new Set(kept.except);
  let everything = kept.all ?? null; // the query whose matches are selected, but for the exceptions
  let last = ""; // the name clicked last, for Shift
  const boxes = () => all("#nodes input[name=node]");
  const fields = () => all("#reload [data-query]");
  const query = () => fields().map((f) => f.name + "=" + f.value).join("&");
  const matches = () => Number($("#reload")?.dataset.match ?? 0);

  function saveSelection() {
    const state = everything === null ? { names: [...picked] } : { all: everything, except: [...except] };
    store(key, everything !== null || picked.size ? JSON.stringify(state) : null);
  }
  function showSelection() {
    if (!bar) return;
    if (everything !== null && everything !== query()) { // other filters mean other nodes
      forget();
      $("#flash")?.replaceChildren($("#sel-cleared").content.cloneNode(true));
    }
    if (except.size && except.size >= matches() && matches()) forget();
    const whole = everything !== null, here = boxes(), of = matches();
    for (const box of here) box.checked = whole ? !except.has(box.value) : picked.has(box.value);
    const ticked = here.filter((b) => b.checked).length;
    const head = $("#sel-page"), text = $("#picked"), more = $("#pick-all");
    if (head) head.checked = ticked > 0 && ticked === here.length;
    if (head) head.indeterminate = ticked > 0 && ticked < here.length;
    const words = text.dataset[!whole ? "some" : except.size ? "except" : "all"];
    const count = whole ? Math.max(0, of - except.size) : picked.size;
    text.textContent = words.replace("#", grouped(count)).replace("@", grouped(of));
    more.textContent = more.dataset.text.replace("#", grouped(of));
    more.hidden = whole ? !except.size : of <= here.length || picked.size >= of;
    body.toggleAttribute("data-selected", whole || picked.size > 0);
    saveSelection();
  }
  function forget() {
    picked.clear();
    except.clear();
    everything = null;
  }
  function keep(names) { // in place of "all": once acted on, its filters would mean others
    if (everything === null) return;
    forget();
    names.forEach((name) => picked.add(name));
    saveSelection();
  }
  function tick(list, checked) {
    const whole = everything !== null, set = whole ? except : picked;
    for (const box of list) whole === checked ? set.delete(box.value) : set.add(box.value);
    showSelection();
  }
  function clearSelection() {
    forget();
    showSelection();
  }
  on("click", (e) => {
    if (e.target.id === "sel-page") return tick(boxes(), e.target.checked);
    if (!e.target.matches("#nodes input[name=node]")) return;
    const list = boxes(), from = list.findIndex((b) => b.value === last), to = list.indexOf(e.target);
    last = e.target.value;
    const range = e.shiftKey && from >= 0;
    tick(range ? list.slice(Math.min(from, to), Math.max(from, to) + 1) : [e.target], e.target.checked);
  });
  // Before the form goes out, by HTMX or by itself: the names that this page
  // does not show, or the query with its exceptions in place of names.
  on("submit", (e) => {
    if (e.submitter?.matches("[data-native]")) e.stopPropagation(); // another page is no business of HTMX
    if (e.target !== form || !bar) return;
    const whole = everything !== null; // rows that came this moment are not ticked yet
    const shown = new Set(boxes().filter((b) => b.checked).map((b) => b.value));
    const value = (whole ? [...except] : [...picked].filter((name) => !shown.has(name))).join(" ");
    const name = whole ? "except" : "nodes";
    const rest = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    $("#rest").replaceChildren(...(value ? [rest] : []));
    for (const f of [$("#all"), ...fields()]) f.disabled = !whole;
    for (const b of boxes()) b.disabled = whole;
    setTimeout(() => { // the values have been read
      for (const f of [$("#all"), ...fields()]) f.disabled = true;
      for (const b of boxes()) b.disabled = false;
      $("#rest").replaceChildren();
    });
  }, true);
  // A plan that is begun acts on its own nodes, whatever was left out.
  on("submit", (e) => {
    if (e.submitter?.id !== "plan-do") return;
    const values = (name) => new FormData(e.target).getAll(name).flatMap((value) => value.split(" "));
    const left = new Set(values("except"));
    keep([...values("node"), ...values("nodes")].filter((name) => !left.has(name)));
    store(reasonKey, null);
  });
  // A reason goes along to the plan and back, as the selection does.
  const reason = () => $("#bar #reason, #plan-form [name=reason], #edit-form [name=reason], #apply-form [name=reason]");
  on("input", (e) => { if (e.target === reason() && store(key)) store(reasonKey, e.target.value || null); });
  if (reason()?.value && store(key)) store(reasonKey, reason().value);
  else if (bar && store(key)) $("#reason").value = store(reasonKey) ?? "";

  // --- the one event stream of the page ---
  let stream = null, topic = "", retry = 0, timer = 0, generation = "";
  function connect() {
    const panel = $("#progress [data-batch]"), live = ["running", "interrupted"].includes(panel?.dataset.state);
    const next = body.dataset.stream && !document.hidden ? body.dataset.stream + (live ? "&batch=" + encodeURIComponent(panel.dataset.batch) : "") : "";
    if (next === topic && (stream || !next)) return;
    clearTimeout(timer);
    stream?.close();
    [stream, topic] = [null, next];
    if (!next) return;
    const url = new URL(next, location.href), s = stream = new EventSource(generation ? (url.searchParams.set("generation", generation), url) : url);
    s.onopen = () => { retry = 0; body.dataset.live = "on"; };
    s.onerror = () => {
      if (s !== stream) return;
      body.dataset.live = "wait";
      if (s.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      if (retry === 2) htmx.trigger(body, "nodes-changed"); // a login that is over shows itself by this
      [stream, timer] = [null, setTimeout(connect, Math.min(30, 2 ** retry++) * 1000 * (0.75 + Math.random() / 2))];
    };
    s.addEventListener("progress", (e) => show(e.data));
    for (const name of ["rail", "batches"]) s.addEventListener(name, (e) => htmx.trigger(body, name + "-changed", { data: e.data }));
    s.addEventListener("done", (e) => { // the swap of the final panel drops the batch from the stream
      show(e.data);
      htmx.trigger(body, "nodes-changed");
    });
    s.addEventListener("nodes", (e) => {
      if (/^\d+$/.test(e.data)) generation = e.data;
      htmx.trigger(body, "nodes-changed");
    });
  }
  // A panel is not swapped under a pressed button: its click would be lost.
  let held = false, waiting = "", said = "", moved = "";
  function show(html) {
    if (held) waiting = html;
    else if ($("#progress")) htmx.swap("#progress", html, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
  }
  on("pointerdown", (e) => { held = e.target.closest("#progress") !== null; });
  on("pointerup pointercancel", () => setTimeout(() => {
    held = false;
    if (waiting) show(waiting);
    waiting = "";
  }));
  function announce(quiet) { // milestones only; quiet when the page is new
    const panel = $("#progress [data-batch]"), mark = panel ? [panel.dataset.batch, panel.dataset.state, panel.dataset.milestone].join() : "";
    const before = moved;
    moved = mark && mark + panel.dataset.ended;
    if (moved === before || !mark) return;
    if (!quiet) htmx.trigger(body, "batch-moved");
    if (!quiet && mark !== said) $("#live").textContent = panel.dataset.say;
    said = mark;
  }
  on("visibilitychange", () => {
    connect();
    if (!document.hidden) htmx.trigger(body, "nodes-changed");
  });

  // --- the table: one load at a time, and no change missed ---
  let loading = 0, missed = false;
  function busy(by) {
    loading = Math.max(0, loading + by);
    $("#nodes")?.setAttribute("aria-busy", String(loading > 0));
    if (loading || !missed) return;
    missed = false;
    setTimeout(() => htmx.trigger(body, "nodes-changed"));
  }
  on("nodes-changed", () => { missed ||= loading > 0; }, true);
  on("htmx:beforeSend", (e) => {
    if (e.detail.target?.id === "nodes") busy(1);
    if (e.detail.requestConfig.verb !== "get") $("#flash")?.replaceChildren();
  });
  // The new #reload hears nothing until htmx has settled, 20 ms after the swap.
  on("htmx:afterRequest", (e) => { if (e.detail.target?.id === "nodes") setTimeout(busy, 60, -1); });
  on("htmx:configRequest", (e) => { // an empty filter has no place in the address
    const data = e.detail.formData;
    if (e.target.id === "find") for (const [name, value] of [...data]) if (value === "") data.delete(name);
  });
  on("htmx:sendError htmx:timeout", (e) => {
    if (e.detail.elt.id !== "reload") $("#flash")?.replaceChildren($("#offline").content.cloneNode(true));
  });
  on("htmx:afterSettle", (e) => {
    if (e.target.id === "nodes") for (const f of fields()) { // the search form stands outside and follows
      const field = $("#find")?.elements[f.name];
      if (field?.classList.contains("pick") || (field?.id === "q" && field !== document.activeElement)) field.value = f.value;
    }
    if (e.target.id === "plan-result") $("#live").textContent = $("#plan-do")?.textContent ?? ""; // what the button does now
    if (e.target.id === "progress" && e.detail.requestConfig?.verb === "post" && document.activeElement === body) $("#progress button")?.focus(); // Pause has become Resume
    if (e.target.id === "dock" && e.detail.requestConfig?.elt.id === "batch") {
      keep($("#acted")?.dataset.names.split(" ") ?? []);
      $("#reason").value = ""; // a reason is for one batch
      store(reasonKey, null);
    }
    refresh();
  });

  // --- dock, dialog, keys ---
  function refresh(quiet) {
    const folded = store("folded") === "1";
    $("#dock")?.toggleAttribute("data-folded", folded);
    $("[data-fold]")?.setAttribute("aria-expanded", String(!folded));
    showSelection();
    announce(quiet);
    connect();
  }
  on("click", (e) => {
    const hit = (selector) => e.target.closest?.(selector);
    if (hit("[data-clear]")) clearSelection();
    if (hit("#pick-all")) { forget(); everything = query(); showSelection(); }
    for (const menu of all(".menu[open]")) if (!menu.contains(e.target)) menu.open = false;
    if (hit("[data-close]")) hit(".note").remove();
    if (hit("[data-fold]")) { store("folded", store("folded") === "1" ? null : "1"); refresh(); }
    if (hit("[data-dismiss]")) { $("#dock").replaceChildren(); connect(); }
    if (hit("[data-keys]")) setTimeout(() => { if (!$("#keys").open) $("#keys").showModal(); }); // where commandfor is not known
  });
  on("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || $("dialog[open]")) return;
    const field = e.target.closest("input:not([type=checkbox]), select, textarea");
    if (e.key === "Escape") { // the top layer only
      const menu = all(".menu[open]").pop();
      if (!menu) return field ? field.blur() : clearSelection();
      menu.open = false;
      return menu.querySelector("summary").focus();
    }
    if (field) return;
    if (e.key === "/" && $("#q")) { e.preventDefault(); $("#q").select(); }
    if (e.key === "?") $("#keys")?.showModal();
    if ((!bar || body.hasAttribute("data-selected")) && !e.repeat && /^[a-z]$/.test(e.key)) $(`#batch [data-key="${e.key}"]`)?.click();
  });

  // --- time that passes, by the server's clock and in its words ---
  const words = body.dataset.ago.split("|"), skew = Date.now() - Date.parse(body.dataset.now);
  setInterval(() => {
    if (!document.hidden) for (const t of all("time[data-ago]")) {
      const s = Math.max(0, (Date.now() - skew - Date.parse(t.dateTime)) / 1000);
      const [unit, n] = s < 2 ? [0, 0] : s < 120 ? [1, s] : s < 7200 ? [2, s / 60] : s < 172800 ? [3, s / 3600] : [4, s / 86400];
      const text = words[unit].replace("#", grouped(Math.floor(n)));
      if (t.textContent !== text) t.textContent = text;
    }
    if (!document.hidden) for (const t of all("time[data-span]")) { // a wait, in two units
      const s = Math.max(0, Math.round((Date.now() - skew - Date.parse(t.dateTime)) / 1000 * (t.dataset.span === "until" ? -1 : 1)));
      const [unit, ...n] = s < 1 ? [0] : s < 60 ? [1, s] : s < 3600 ? [2, s / 60, s % 60] : [3, s / 3600, s / 60 % 60];
      const text = n.reduce((text, part) => text.replace("#", grouped(Math.floor(part))), t.closest("[data-spell]").dataset.spell.split("|")[unit]);
      if (t.textContent !== text) t.textContent = text;
    }
  }, 1000);
  // The server writes times in the reader's zone; it learns the zone from here.
  document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax` + (location.protocol === "https:" ? "; secure" : "");

  refresh(true);
})();
