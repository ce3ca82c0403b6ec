// What a tab stores for the user who is signed in: the user, and what was typed when
// the login session ended. Also the meter of new passwords. It runs before app.js.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const on = (type, handler, capture) => document.addEventListener(type, handler, capture);
  const { user, base } = document.body.dataset, path = location.pathname;
  const draftKey = "draft:" + path, dueFor = 30 * 60 * 1000, maxDraft = 100_000;

  // Storage may be full or forbidden. The page works without it, too.
  const attempt = (fn) => { try { return fn(); } catch { return null; } };
  // The site may have other programs at other paths, and the storage is that of the site.
  const own = `knm ${base} `;
  const read = (key) => attempt(() => JSON.parse(sessionStorage.getItem(own + key)));
  const write = (key, value) => attempt(() => sessionStorage.setItem(own + key, JSON.stringify(value)));
  const remove = (key) => attempt(() => sessionStorage.removeItem(own + key));
  const stored = () => attempt(() => Object.keys(sessionStorage).filter((key) => key.startsWith(own))) ?? [];
  const keys = () => stored().map((key) => key.slice(own.length));
  const clear = () => keys().forEach(remove);
  const drafts = () => keys().filter((key) => key.startsWith("draft:"));

  // Nobody may see what another user has selected or typed in this tab.
  if (user && read("user") !== user) {
    clear();
    write("user", user);
  }
  const signsOut = (form) => form.getAttribute("action")?.endsWith("/logout");
  // A request that the page makes by itself while the login session ends would be refused,
  // and the person told that the session has ended.
  let leaving = false;
  const requests = new Set();
  on("htmx:beforeRequest", (e) => { if (leaving) e.preventDefault(); else requests.add(e.detail.xhr); });
  on("htmx:afterRequest", (e) => requests.delete(e.detail.xhr));
  on("submit", (e) => {
    if (!signsOut(e.target)) return;
    leaving = true;
    document.dispatchEvent(new Event("leaving"));
    requests.forEach((xhr) => xhr.abort());
  });
  addEventListener("pagehide", () => { if (leaving) clear(); }); // until then the page may store more

  // --- drafts: what was typed is restored after the next sign-in ---
  const kinds = ["text", "search", "number", "textarea", "select-one", "checkbox", "radio"];
  const ticks = (field) => field.type === "checkbox" || field.type === "radio";
  // app.js keeps the selection of nodes. Secrets must not stay in the tab.
  const isSecret = (field) => "secret" in field.dataset;
  const isTyped = (field) => kinds.includes(field.type) && field.name && field.name !== "node" && !isSecret(field);
  const forms = () => [...document.querySelectorAll("#main form[method=post]")];
  const chosen = (select) => [...select.options].findIndex((option) => option.defaultSelected);
  function changed(field) {
    if (ticks(field)) return field.checked !== field.defaultChecked;
    if (field.options) return field.selectedIndex !== Math.max(0, chosen(field));
    return field.value !== field.defaultValue;
  }
  // eachField calls visit with each field and its id: the form, the name, and the
  // position among the fields with the same name.
  function eachField(visit) {
    for (const form of forms()) {
      const seen = {};
      for (const field of form.elements) {
        if (!isTyped(field)) continue;
        const place = seen[field.name] = (seen[field.name] ?? -1) + 1;
        visit(field, [form.getAttribute("action"), field.name, place].join(" "));
      }
    }
  }
  function keep() {
    const fields = {};
    eachField((field, id) => { if (changed(field)) fields[id] = ticks(field) ? field.checked : field.value; });
    const draft = { at: Date.now(), fields };
    if (Object.keys(fields).length && JSON.stringify(draft).length <= maxDraft) write(draftKey, draft);
    else remove(draftKey);
  }
  function restore() {
    const due = read("due"), draft = read(draftKey);
    if (!due || Date.now() - due > dueFor) {
      remove("due");
      return drafts().forEach(remove); // the login session had not ended, so they were sent
    }
    drafts().filter((key) => !(read(key)?.at <= due)).forEach(remove);
    if (!draft || draft.at > due) return;
    remove(draftKey);
    let restored = 0;
    eachField((field, id) => {
      if (!(id in draft.fields)) return;
      if (ticks(field)) field.checked = draft.fields[id];
      else field.value = draft.fields[id];
      field.dispatchEvent(new Event("change", { bubbles: true }));
      restored++;
    });
    if (restored) $("#flash")?.replaceChildren($("#restored").content.cloneNode(true));
  }
  if ($("form[data-ended]")) write("due", Date.now());
  if (user) {
    on("submit", (e) => { if (forms().includes(e.target)) keep(); }, true);
    on("htmx:beforeOnLoad", (e) => { if (e.detail.xhr.status === 401) keep(); });
    on("DOMContentLoaded", restore); // after HTMX's own listener, so that HTMX sees the change events
  }

  // The meter of a new password is a hint: length counts most. The server decides.
  on("input", (e) => {
    const meter = e.target.dataset?.meter && $("#" + e.target.dataset.meter);
    if (!meter) return;
    const { length } = e.target.value, different = new Set(e.target.value.toLowerCase()).size;
    meter.hidden = false;
    meter.value = length < 12 ? length / 12 : different < 6 ? 1 : Math.min(4, length / 5);
  });

  // --- HTMX ---
  // Requests that the page makes by itself have a header, so that they do not count as
  // activity of the user.
  on("htmx:configRequest", (e) => {
    const by = e.detail.triggeringEvent;
    if (e.detail.verb === "get" && (!by || by instanceof CustomEvent)) e.detail.headers["X-Background"] = "1";
  });
  // A request that was cancelled by a newer one or by leaving the page is not an error.
  // HTMX calls its logger before it writes the error to the console.
  const quiet = ["htmx:sendAbort", "htmx:afterRequest"];
  htmx.logger = (_, type, detail) => { if (quiet.includes(type)) delete detail.error; };
})();
