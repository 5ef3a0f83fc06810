// How far a video is on its way out, as it goes; and times as they are where whoever looks is.

import { anew, follow } from "./stream.js";

const place = document.querySelector("[data-going]");
const bar = place.querySelector("progress");
const says = place.querySelector("[data-says]");
const left = place.querySelector("[data-left]");

function tell(now) {
  if (!now) {
    anew();
    return;
  }
  if (says.textContent !== now.says) says.textContent = now.says; // announced, so only what is new
  bar.value = now.done;
  left.textContent = now.left === null ? "" : `About ${spoken(now.left)} left. `;
}

function spoken(seconds) {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.valueOf())) {
    time.textContent += ` (${at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })} where you are)`;
  }
}

if (!place.hidden) follow((takes) => tell(takes[place.dataset.going]?.sending));
