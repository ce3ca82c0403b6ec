// What needs the names of nodes on all pages: the box of a group, which selects its nodes,
// and the buttons that invert the selection and copy its names. app.js holds the selection;
// it says "selection-shown" when it has changed, and listens to "tick-names".
"use strict";
(() => {
  const on = (type, handler) => document.addEventListener(type, handler);
  const $ = (id) => document.getElementById(id);
  const boxes = () => [...document.querySelectorAll("#nodes tr.group [data-names]")];
  const known = new Map(); // the names of the nodes of a group, by their address
  // has reports whether a node is selected; names are the selected ones, or null for all that
  // match, with exceptions.
  let selection = { has: () => false, names: [] };

  async function load(address) {
    const answer = await fetch(address, { headers: { Accept: "text/plain" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    return (await answer.text()).split("\n").filter(Boolean);
  }
  const matching = () => load($("reload").dataset.names);
  function tick(names, checked) {
    document.dispatchEvent(new CustomEvent("tick-names", { detail: { names, checked } }));
    $("live").textContent = $("picked").textContent;
  }

  // --- groups ---
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
      const names = members(box), some = (names ?? here(box)).some(selection.has);
      box.checked = names !== null && names.length > 0 && names.every(selection.has);
      box.indeterminate = some && !box.checked;
    }
  }
  async function tickGroup(box) {
    const checked = box.checked;
    const names = members(box) ?? await load(box.dataset.names);
    known.set(box.dataset.names, names);
    tick(names, checked);
  }

  // --- the selection as a whole ---
  async function invert() {
    const names = await matching();
    const selected = names.filter(selection.has), others = names.filter((name) => !selection.has(name));
    tick(selected, false);
    tick(others, true);
  }
  async function copyNames(button) {
    const names = selection.names ?? (await matching()).filter(selection.has);
    document.dispatchEvent(new CustomEvent("copy-text", { detail: { text: names.join("\n") + "\n", button } }));
  }

  const actions = {
    "#nodes tr.group [data-names]": tickGroup, "[data-invert]": invert,
    "[data-copy-names]:not([data-text])": copyNames, // with data-text it says that they are copied
  };
  on("click", async (e) => {
    for (const [selector, act] of Object.entries(actions)) {
      const element = e.target.closest?.(selector);
      if (!element) continue;
      try {
        await act(element);
      } catch {
        $("flash").replaceChildren($("offline").content.cloneNode(true));
        show();
      }
    }
  });
  on("selection-shown", (e) => {
    selection = e.detail;
    show();
  });
})();
