// The groups of the node table: the box of a group selects its nodes on all pages. app.js
// holds the selection; it says "selection-shown" when it has changed, and listens to
// "tick-names".
"use strict";
(() => {
  const on = (type, handler) => document.addEventListener(type, handler);
  const boxes = () => [...document.querySelectorAll("#nodes tr.group [data-names]")];
  const known = new Map(); // the names of the nodes of a group, by their address
  let selected = () => false;

  // here returns the names of the group that this page shows.
  function here(box) {
    const names = [];
    for (let row = box.closest("tr").nextElementSibling; row?.dataset.node; row = row.nextElementSibling) {
      if (row.querySelector("[name=node]")) names.push(row.dataset.node);
    }
    return names;
  }
  // members returns the names of the whole group, or null while they are not known.
  function members(box) {
    const shown = here(box), size = Number(box.dataset.count);
    if (shown.length === size) return shown;
    const names = known.get(box.dataset.names);
    return names?.length === size ? names : null;
  }
  function show() {
    for (const box of boxes()) {
      const names = members(box), some = (names ?? here(box)).some(selected);
      box.checked = names !== null && names.length > 0 && names.every(selected);
      box.indeterminate = some && !box.checked;
    }
  }
  async function load(box) {
    const answer = await fetch(box.dataset.names, { headers: { Accept: "text/plain" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    const names = (await answer.text()).split("\n").filter(Boolean);
    known.set(box.dataset.names, names);
    return names;
  }
  async function tick(box) {
    const checked = box.checked;
    try {
      const names = members(box) ?? await load(box);
      document.dispatchEvent(new CustomEvent("tick-names", { detail: { names, checked } }));
      document.getElementById("live").textContent = document.getElementById("picked").textContent;
    } catch {
      document.getElementById("flash").replaceChildren(document.getElementById("offline").content.cloneNode(true));
      show();
    }
  }
  on("click", (e) => { if (e.target.matches?.("#nodes tr.group [data-names]")) tick(e.target); });
  on("selection-shown", (e) => {
    selected = e.detail.has;
    show();
  });
})();
