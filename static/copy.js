// Buttons that copy a text: data-copy selects the element that has it, data-copied is what
// is said when it has been copied. And buttons about the selection as a whole.
"use strict";
(() => {
  // Browsers offer the clipboard on pages with HTTPS only; elsewhere the text is selected
  // and copied as a person would do it.
  async function copy(source) {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
  }
  function said(button) {
    button.dataset.text = button.textContent;
    button.textContent = document.getElementById("live").textContent = button.dataset.copied;
    setTimeout(() => {
      button.textContent = button.dataset.text;
      delete button.dataset.text;
    }, 2000);
  }
  document.addEventListener("click", async (e) => {
    const button = e.target.closest?.("[data-copy]");
    const source = button && document.querySelector(button.dataset.copy);
    if (!source || button.dataset.text) return;
    await copy(source);
    said(button);
  });

  // --- the selection: its names, and its opposite. app.js says "selection-shown" when it
  // has changed: has reports whether a node is selected, and names are the selected ones,
  // or null for all that match, with exceptions. ---
  let selection = { has: () => false, names: [] };
  document.addEventListener("selection-shown", (e) => { selection = e.detail; });
  async function matching() {
    const answer = await fetch(document.getElementById("reload").dataset.names, { headers: { Accept: "text/plain" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    return (await answer.text()).split("\n").filter(Boolean);
  }
  function tick(names, checked) {
    document.dispatchEvent(new CustomEvent("tick-names", { detail: { names, checked } }));
  }
  async function invert() {
    const names = await matching(), selected = names.filter(selection.has);
    const others = names.filter((name) => !selection.has(name));
    tick(selected, false);
    tick(others, true);
    document.getElementById("live").textContent = document.getElementById("picked").textContent;
  }
  async function copyNames(button) {
    const names = selection.names ?? (await matching()).filter(selection.has);
    const source = document.body.appendChild(document.createElement("pre"));
    source.textContent = names.join("\n") + "\n";
    await copy(source);
    source.remove();
    said(button);
  }
  document.addEventListener("click", async (e) => {
    const button = e.target.closest?.("[data-invert], [data-copy-names]");
    if (!button || button.dataset.text) return;
    try {
      await (button.matches("[data-invert]") ? invert() : copyNames(button));
    } catch {
      document.getElementById("flash").replaceChildren(document.getElementById("offline").content.cloneNode(true));
    }
  });
})();
