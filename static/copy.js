// Buttons that copy a text: data-copy selects the element that has it, data-copied is what
// is said when it has been copied.
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

  // names.js has a text without an element, and its button.
  document.addEventListener("copy-text", async (e) => {
    const source = document.body.appendChild(document.createElement("pre"));
    source.textContent = e.detail.text;
    await copy(source);
    source.remove();
    said(e.detail.button);
  });
})();
