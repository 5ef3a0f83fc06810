// What happens to my takes, where they are shown.

import { anew, follow } from "./stream.js";

const shown = new Map();
for (const place of document.querySelectorAll("[data-take]")) shown.set(place.dataset.take, place);
const announce = document.querySelector("[data-announce]");

function tell(takes) {
  for (const [id, place] of shown) {
    const now = takes[id];
    if (now) show(place, now);
    else anew(); // deleted elsewhere
  }
}

function show(place, now) {
  const says = place.querySelector("[data-says]");
  if (says.textContent !== now.says) {
    const quiet = place.querySelector("h2")?.textContent ?? "";
    announce.textContent = quiet ? `${quiet}: ${now.says}` : now.says;
    says.textContent = now.says;
  }
  const bar = place.querySelector("progress");
  bar.hidden = !now.step;
  bar.value = now.done;
  const fault = place.querySelector("[data-fault]");
  fault.hidden = !now.fault;
  fault.querySelector("[data-what]").textContent = now.fault?.what ?? "";
  fault.querySelector("[data-do]").textContent = now.fault?.do ?? "";
  if (isOther(place, now)) changed(place, now);
}

function isOther(place, now) {
  const { state, made, words, plays } = place.dataset;
  const fresh = words === "no" && now.words;
  const done = place.dataset.place === "yes" && !now.place;
  return done || state !== now.state || made !== now.made || fresh || (plays === "no" && now.plays);
}

// Where somebody is writing, nothing may be taken from under their hands: a link says that there is something new.
function changed(place, now) {
  const calmly = document.querySelector("[data-made-anew]");
  if (!calmly) {
    anew();
    return;
  }
  Object.assign(place.dataset, { state: now.state, made: now.made });
  calmly.hidden = false;
  announce.textContent = calmly.textContent.trim();
}

if (shown.size) follow(tell);
