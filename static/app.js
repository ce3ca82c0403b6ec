// The behaviour of the page: the selection, the event stream, the table and the dock. All event listeners are on the document, so that parts of the
// page that HTMX replaces need no setup. Texts come from the server in data
// attributes, and all HTML comes from the server.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const on = (types, handler, capture) => {
    for (const type of types.split(" ")) document.addEventListener(type, handler, capture);
  };
  const body = document.body, grouped = (n) => n.toLocaleString("en-US");
  const store = (name, value) => { // undefined reads, null removes
    const key = `knm ${body.dataset.base} ${name}`; // see login.js
    try {
      if (value === undefined) return sessionStorage.getItem(key);
      value === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, value);
    } catch { /* without storage, or with full storage, the page works, too */ }
    return null;
  };

  // --- selection: either names of nodes, or all nodes that match the filters, with
  // exceptions. It is kept for one cluster, over all pages and reloads. ---
  const form = $("#batch"), bar = $("#bar");
  const cluster = $("#batch, #plan-form, #edit-form, #apply-form")?.dataset.cluster;
  const key = "selected:" + cluster, reasonKey = "reason:" + cluster;
  const kept = JSON.parse(store(key) || "{}");
  const picked = new Set(kept.names), except = new Set(kept.except);
  let everything = kept.all ?? null; // the query whose matches are selected, with exceptions
  let last = ""; // the name of the last box that was clicked, for Shift
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
    if (everything !== null && everything !== query()) { // the filters now match other nodes
      forget();
      $("#flash")?.replaceChildren($("#sel-cleared").content.cloneNode(true));
    }
    if (except.size && except.size >= matches() && matches()) forget();
    const whole = everything !== null, here = boxes(), of = matches();
    for (const box of here) {
      box.checked = whole ? !except.has(box.value) : picked.has(box.value);
      box.closest("tr").toggleAttribute("data-ticked", box.checked);
    }
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
    const has = (name) => (whole ? !except.has(name) : picked.has(name));
    document.dispatchEvent(new CustomEvent("selection-shown", { detail: { has, names: whole ? null : [...picked] } }));
    saveSelection();
  }
  function forget() {
    picked.clear();
    except.clear();
    everything = null;
  }
  // keep selects names in place of "all": after a batch the filters may match other nodes.
  function keep(names) {
    if (everything === null) return;
    forget();
    names.forEach((name) => picked.add(name));
    saveSelection();
  }
  function tick(names, checked) {
    const whole = everything !== null, set = whole ? except : picked;
    for (const name of names) whole === checked ? set.delete(name) : set.add(name);
    showSelection();
  }
  const names = (list) => list.map((box) => box.value);
  on("tick-names", (e) => tick(e.detail.names, e.detail.checked));
  function clearSelection() {
    forget();
    showSelection();
  }
  on("click", (e) => {
    if (e.target.id === "sel-page") return tick(names(boxes()), e.target.checked);
    if (!e.target.matches("#nodes input[name=node]")) return;
    const list = boxes(), from = list.findIndex((b) => b.value === last), to = list.indexOf(e.target);
    last = e.target.value;
    const range = e.shiftKey && from >= 0;
    tick(names(range ? list.slice(Math.min(from, to), Math.max(from, to) + 1) : [e.target]), e.target.checked);
  });
  // Before HTMX or the browser sends the form, add the selected names that this page
  // of the table does not show, or the query and its exceptions instead of names.
  on("submit", (e) => {
    if (e.submitter?.matches("[data-native]")) e.stopPropagation(); // the browser opens another page, without HTMX
    if (e.target !== form || !bar) return;
    const whole = everything !== null; // not from the boxes: new rows may not be ticked yet
    const shown = new Set(boxes().filter((b) => b.checked).map((b) => b.value));
    const value = (whole ? [...except] : [...picked].filter((name) => !shown.has(name))).join(" ");
    const name = whole ? "except" : "nodes";
    const rest = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    $("#rest").replaceChildren(...(value ? [rest] : []));
    for (const f of [$("#all"), ...fields()]) f.disabled = !whole;
    for (const b of boxes()) b.disabled = whole;
    setTimeout(() => { // the values have been read by now
      for (const f of [$("#all"), ...fields()]) f.disabled = true;
      for (const b of boxes()) b.disabled = false;
      $("#rest").replaceChildren();
    });
  }, true);
  // A plan that is started acts on the nodes in its form. Select these.
  on("submit", (e) => {
    if (e.submitter?.id !== "plan-do") return;
    const values = (name) => new FormData(e.target).getAll(name).flatMap((value) => value.split(" "));
    const left = new Set(values("except"));
    keep([...values("node"), ...values("nodes")].filter((name) => !left.has(name)));
    store(reasonKey, null);
  });
  // The reason is kept on the way to the plan and back, as the selection is.
  const reasons = ["#bar #reason", "#plan-form [name=reason]", "#edit-form [name=reason]", "#apply-form [name=reason]"];
  const reason = () => $(reasons.join());
  on("input", (e) => { if (e.target === reason() && store(key)) store(reasonKey, e.target.value || null); });
  if (reason()?.value && store(key)) store(reasonKey, reason().value);
  else if (bar && store(key)) $("#reason").value = store(reasonKey) ?? "";

  // --- the event stream: one for the page ---
  let stream = null, topic = "", retry = 0, timer = 0, generation = "";
  function wanted() { // the address of the stream that the page needs now; "" for none
    if (!body.dataset.stream || document.hidden) return "";
    const panel = $("#progress [data-batch]"), live = ["running", "interrupted"].includes(panel?.dataset.state);
    return body.dataset.stream + (live ? "&batch=" + encodeURIComponent(panel.dataset.batch) : "");
  }
  function connect() {
    const next = wanted();
    if (next === topic && (stream || !next)) return;
    clearTimeout(timer);
    stream?.close();
    [stream, topic] = [null, next];
    if (!next) return;
    const url = new URL(next, location.href);
    if (generation) url.searchParams.set("generation", generation);
    const s = stream = new EventSource(url);
    s.onopen = () => { retry = 0; body.dataset.live = "on"; };
    s.onerror = () => {
      if (s !== stream) return;
      body.dataset.live = "wait";
      if (s.readyState !== EventSource.CLOSED) return; // the browser tries again
      if (retry === 2) htmx.trigger(body, "nodes-changed"); // if the login has ended, this request shows it
      [stream, timer] = [null, setTimeout(connect, Math.min(30, 2 ** retry++) * 1000 * (0.75 + Math.random() / 2))];
    };
    s.addEventListener("progress", (e) => show(e.data));
    for (const name of ["rail", "batches", "asof"]) {
      s.addEventListener(name, (e) => htmx.trigger(body, name + "-changed", { data: e.data }));
    }
    s.addEventListener("done", (e) => { // refresh then connects again, without the batch
      show(e.data);
      htmx.trigger(body, "nodes-changed");
    });
    s.addEventListener("nodes", (e) => {
      if (/^\d+$/.test(e.data)) generation = e.data;
      htmx.trigger(body, "nodes-changed");
    });
  }
  // The panel is not replaced while a button in it is pressed, or the click would be lost.
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
  // announce tells screen readers of milestones, unless the page is new (quiet).
  function announce(quiet) {
    const panel = $("#progress [data-batch]"), data = panel?.dataset;
    const mark = panel ? [data.batch, data.state, data.milestone].join() : "";
    const before = moved;
    moved = mark && mark + panel.dataset.ended;
    if (moved === before || !mark) return;
    if (!quiet) htmx.trigger(body, "batch-moved");
    if (!quiet && mark !== said) $("#live").textContent = panel.dataset.say;
    said = mark;
  }
  on("leaving", () => {
    clearTimeout(timer);
    stream?.close();
  });
  on("visibilitychange", () => {
    connect();
    if (!document.hidden) htmx.trigger(body, "nodes-changed");
  });

  // --- the table: one load at a time; a change during a load causes another one ---
  let loading = 0, missed = false;
  function busy(by, elt) {
    loading = Math.max(0, loading + by);
    $("#nodes")?.setAttribute("aria-busy", String(loading > 0));
    if (loading) return;
    const rest = $("#load-usage"); // its first request was dropped if it met another load
    if (missed) setTimeout(() => htmx.trigger(body, "nodes-changed"));
    else if (rest && rest !== elt) htmx.trigger(rest, "again");
    missed = false;
  }
  on("nodes-changed", () => { missed ||= loading > 0; }, true);
  on("htmx:beforeSend", (e) => {
    if (e.detail.target?.id === "nodes") busy(1);
    if (e.detail.requestConfig.verb !== "get") $("#flash")?.replaceChildren();
  });
  // HTMX sets up the new #reload only when it settles, 20 ms after the swap.
  on("htmx:afterRequest", (e) => { // an error has #flash as its target, where the request had the table
    if (e.detail.requestConfig?.target?.id === "nodes") setTimeout(busy, 60, -1, e.detail.elt);
  });
  on("htmx:configRequest", (e) => { // leave empty filters out of the address
    const data = e.detail.formData;
    if (e.target.id === "find") for (const [name, value] of [...data]) if (value === "") data.delete(name);
  });
  on("htmx:sendError htmx:timeout", (e) => {
    const { verb, headers } = e.detail.requestConfig, what = verb === "get" ? "#offline" : "#offline-sent";
    if (!headers["X-Background"]) $("#flash")?.replaceChildren($(what).content.cloneNode(true));
  });
  // Tick new rows at once, not when HTMX settles: a click in between would not deselect them.
  on("htmx:afterSwap", (e) => { if (e.target.id === "nodes") showSelection(); });
  on("htmx:afterSettle", (e) => {
    const request = e.detail.requestConfig;
    if (e.target.id === "nodes") for (const f of fields()) { // the search form is not replaced: update it
      const field = $("#find")?.elements[f.name.replace("filter.", "")], typing = field === document.activeElement;
      const missing = f.value && field?.options && ![...field.options].some((o) => o.value === f.value);
      if (missing) field.add(new Option(f.value)); // the value of a node that has come since
      if (field?.classList.contains("pick") || (field?.id === "q" && !typing)) field.value = f.value;
    }
    if (e.target.id === "plan-result") $("#live").textContent = $("#plan-do")?.textContent ?? "";
    if (e.target.id === "progress" && request?.verb === "post" && document.activeElement === body) {
      $("#progress button")?.focus(); // the focused button is replaced: Pause becomes Resume
    }
    if (e.target.id === "dock" && request?.elt.id === "batch") {
      keep($("#acted")?.dataset.names.split(" ") ?? []);
      $("#reason").value = ""; // the next batch needs its own reason
      store(reasonKey, null);
    }
    refresh();
  });

  // --- dock, dialog ---
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
    if (hit("[data-keys]")) setTimeout(() => { // for browsers without commandfor
      if (!$("#keys").open) $("#keys").showModal();
    });
  });

  refresh(true);
})();
