// Puts each section that changed in its place. The page is whole without this script; it only keeps it fresh.
"use strict";
const state = document.getElementById("state");

function show(word, kind) {
  state.textContent = word;
  state.className = kind ? `tag ${kind}` : "tag";
}

function put(name, html) {
  const section = document.getElementById(name);
  if (!section) return;
  const open = new Map([...section.querySelectorAll("details[data-key]")].map((each) => [each.dataset.key, each.open]));
  section.innerHTML = html; // escaped where it was made, by the server of this page
  for (const each of section.querySelectorAll("details[data-key]")) {
    if (open.has(each.dataset.key)) each.open = open.get(each.dataset.key);
  }
}

const stream = new EventSource("events");
stream.addEventListener("open", () => show("live", "done"));
stream.addEventListener("error", () => show("connection lost, trying again", "rolled-back"));
stream.addEventListener("section", (event) => {
  const { name, html } = JSON.parse(event.data);
  put(name, html);
});
stream.addEventListener("trouble", (event) => show(JSON.parse(event.data), "refused"));
