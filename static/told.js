// Tells people through their browser what becomes of the batches that they have started,
// while the page is hidden, if they have asked for it. Texts come from the server.
"use strict";
(() => {
  const { base, user, now } = document.body.dataset;
  if (!user || !("Notification" in window) || !isSecureContext) return;
  const attempt = (fn) => { try { return fn(); } catch { return null; } }; // storage may be full or forbidden
  const own = `knm ${base} told ${user}`, known = own + " known";
  // How far this clock is ahead of the server's. The page was written when its answer began to
  // come in; what has ended while it loaded is not told again.
  const began = performance.getEntriesByType("navigation")[0]?.responseStart ?? performance.now();
  const skew = performance.timeOrigin + began - Date.parse(now);
  const asked = () => attempt(() => localStorage.getItem(own)) === "1";
  const wanted = () => asked() && Notification.permission === "granted";

  // --- the button, on the page of a batch ---
  function show() {
    for (const button of document.querySelectorAll("[data-tell]")) {
      const denied = Notification.permission === "denied";
      button.textContent = button.dataset[denied ? "denied" : wanted() ? "on" : "off"];
      button.setAttribute("aria-pressed", String(wanted()));
      [button.disabled, button.hidden] = [denied, false];
    }
  }
  document.addEventListener("click", async (e) => {
    if (!e.target.closest?.("[data-tell]")) return;
    const stop = wanted();
    if (!stop && await Notification.requestPermission() !== "granted") return show();
    attempt(() => localStorage.setItem(own, stop ? "0" : "1"));
    show();
  });

  // --- the stream: only while the page is hidden ---
  let stream = null, timer = 0, since = "";
  const address = () => `${base.replace(/\/$/, "")}/events?mine=1&since=${encodeURIComponent(since)}`;
  function close() {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  }
  function follow() {
    close();
    if (!document.hidden || !wanted()) return;
    const s = stream = new EventSource(address());
    s.addEventListener("told", (e) => tell(e.data));
    s.onerror = () => { // the browser tries again by itself, unless the server has answered with an error
      if (s === stream && s.readyState === EventSource.CLOSED) timer = setTimeout(follow, 30_000);
    };
  }
  function tell(html) {
    const told = new DOMParser().parseFromString(html, "text/html").querySelector("[data-told]");
    const before = attempt(() => JSON.parse(localStorage.getItem(known))) ?? [], key = told.dataset.told;
    if (before.includes(key)) return; // another tab has said it, or this one before it connected again
    attempt(() => localStorage.setItem(known, JSON.stringify([...before, key].slice(-50))));
    const { lang, title, body, tag } = told.dataset;
    const shown = new Notification(title, { body, tag: own + tag, lang });
    shown.onclick = () => {
      shown.close();
      window.focus();
      if (location.pathname !== told.pathname) open(told.href, "_blank", "noopener"); // what was typed here stays
    };
  }
  document.addEventListener("visibilitychange", () => {
    since = new Date(Date.now() - skew).toISOString();
    follow();
  });
  document.addEventListener("leaving", close);
  addEventListener("pagehide", close);
  addEventListener("storage", (e) => { if (e.key === own) show(); });
  show();
})();
