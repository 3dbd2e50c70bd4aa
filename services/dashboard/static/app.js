"use strict";

// What HTML cannot do alone: dialogs that are modal, and the address of the panel.

const panel = () => document.getElementById("panel");

function showModal(dialog) {
  if (dialog.matches(":modal")) return;
  document.querySelectorAll("[popover]:popover-open").forEach((menu) => menu.hidePopover());
  dialog.removeAttribute("open"); // as the server sends it for browsers without JavaScript
  dialog.showModal();
}

function withoutPanel() {
  const url = new URL(location.href);
  url.searchParams.delete("panel");
  return url.pathname + url.search;
}

function leavePanel() {
  if (!new URLSearchParams(location.search).has("panel")) return;
  if (!history.state?.htmx) history.replaceState({ htmx: true }, "", location.href);
  history.pushState({ htmx: true }, "", withoutPanel());
}

function begin() {
  const dialog = panel();
  if (dialog?.hasAttribute("open")) showModal(dialog);
}

document.addEventListener("click", (event) => {
  const close = event.target.closest?.("[data-close]");
  const dialog = close?.closest("dialog");
  if (dialog && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    dialog.close();
  } else if (event.target instanceof HTMLDialogElement && event.target.matches(":modal")) {
    event.target.close(); // the backdrop
  }
});

document.addEventListener("close", (event) => {
  if (!(event.target instanceof HTMLDialogElement)) return;
  event.target.replaceChildren();
  if (event.target === panel()) leavePanel();
}, true);

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx.target;
  if (target instanceof HTMLDialogElement && target.childElementCount) showModal(target);
  else if (target === document.body) begin(); // back or forward in the history
});

// A command that was done says so in its answer: HX-Trigger: done
document.addEventListener("done", () => document.getElementById("dialog").close());

// Filters that say nothing do not belong in an address.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  const kept = [...event.formData].filter(([, value]) => value !== "");
  for (const name of new Set(event.formData.keys())) event.formData.delete(name);
  for (const [name, value] of kept) event.formData.append(name, value);
});

// A refresh may come after what is shown has become something else: then it is of no use.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  ctx.shown = ctx.sourceElement.getAttribute("hx-get");
});
document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement: from, shown } = event.detail.ctx;
  const refresh = from.matches('[hx-trigger^="changed"]');
  if (refresh && from.getAttribute("hx-get") !== shown) event.preventDefault();
});

function away(is) {
  const told = document.getElementById("away");
  if (told && told.hidden === is) told.hidden = !is;
}
document.addEventListener("htmx:error", () => away(true));
document.addEventListener("htmx:response:error", (event) => {
  const { response, target } = event.detail.ctx;
  if (response.status >= 500 && target?.id !== "dialog") away(true); // a dialog says it itself
});
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.response?.status < 500) away(false);
});

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
