// What a page hears of clusters and batches beside its table, and what it says
// while a cluster takes its time. app.js holds the event stream.
"use strict";
(() => {
  const on = (type, handler) => document.addEventListener(type, handler);

  // --- the rail: pieces of the page, each in place of the one with its id ---
  on("rail-changed", (e) => {
    const news = new DOMParser().parseFromString(e.detail.data, "text/html");
    for (const piece of [...news.body.children]) {
      const old = document.getElementById(piece.id);
      if (old && !old.isEqualNode(piece)) old.replaceWith(piece);
    }
  });

  // --- what is waited for: said as soon as the wait can be felt ---
  const FELT = 400, waits = new Set();
  const place = (wait) => (wait.row?.isConnected ? wait.row : document).querySelector(".asking");
  function say() {
    for (const wait of waits) {
      const line = place(wait), s = Date.now() - wait.began;
      if (!line || s < FELT) continue;
      const text = line.dataset.text.replace("#", Math.floor(s / 1000));
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
    e.detail.xhr.addEventListener("loadend", () => stop(wait)); // whatever became of it
  });
})();
