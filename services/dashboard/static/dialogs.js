"use strict";

// Shows, of a renewal owner's fields, those that the chosen owner has. Without this all are shown.

function showFieldsOf(form) {
  const owner = form.elements.owner?.value;
  form.querySelectorAll("[data-for-owner]").forEach((part) => {
    part.hidden = !part.dataset.forOwner.split(" ").includes(owner);
  });
  const contact = form.elements.point_of_contact_id;
  if (contact) contact.required = owner === "partner";
}

function showFields() {
  document.querySelectorAll("form[data-owner-form]").forEach(showFieldsOf);
}

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-owner-form]");
  if (form && event.target.name === "owner") showFieldsOf(form);
});
document.addEventListener("htmx:after:swap", showFields);

// An answer that leads elsewhere may say that the panel is about something that has gone.
document.addEventListener("gone", () => document.getElementById("panel").close());

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", showFields);
else showFields();
