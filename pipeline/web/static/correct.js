// The words beside the picture: choose a word to jump, strike a sentence, mend a word; the picture follows at once.
//
// Without this script the page is a form that does the same when it is saved.

import { Player, together, without } from "./player.js";

const data = JSON.parse(document.querySelector("[data-playing]").textContent);
const form = document.querySelector("[data-correct]");
const stage = document.querySelector("[data-stage]");
const undo = form.querySelector("[data-undo]");
const unsaved = form.querySelector("[data-unsaved]");
const AIR = 0.2; // seconds kept around what is brought back
const CRUMB = 0.5; // seconds: what is shorter and without words is not worth keeping
const LINGERS = 0.4; // seconds that a caption stays after its last word

document.documentElement.classList.add("scripted");
for (const hint of document.querySelectorAll("[data-scripted]")) hint.hidden = false;

// --- rows ---------------------------------------------------------------------------------------------------------------

const rows = data.lines.map((line) => {
  const item = document.getElementById(`line-${line.key}`);
  const row = {
    ...line,
    item,
    tick: item.querySelector(`[name="keep-${line.key}"]`),
    field: item.querySelector("textarea"),
    rightTick: item.querySelector(`[name="right-${line.key}"]`),
    pauseTick: item.querySelector(`[name="pause-${line.key}"]`),
    shown: item.querySelector("[data-words]"),
  };
  row.words = row.words.map(([text, start, end, unsure]) => ({ text, start, end, unsure }));
  row.original = row.words;
  return row;
});

function says(row) {
  return row.field.value.trim().split(/\s+/).filter(Boolean);
}

// Words that stay keep their times; the new ones between them share the time that is there.
function timed(before, texts) {
  let first = 0;
  while (first < before.length && first < texts.length && before[first].text === texts[first]) first++;
  let last = 0;
  const most = Math.min(before.length, texts.length) - first;
  while (last < most && before.at(-1 - last).text === texts.at(-1 - last)) last++;
  const fresh = texts.slice(first, texts.length - last);
  const start = before[first]?.start ?? before.at(-1)?.end ?? 0;
  const end = last ? before[before.length - last].start : (before.at(-1)?.end ?? start);
  const step = (end - start) / Math.max(1, fresh.length);
  const laid = fresh.map((text, n) => ({ text, start: start + n * step, end: start + (n + 1) * step, unsure: false }));
  return [...before.slice(0, first), ...laid, ...before.slice(before.length - last)];
}

function showWords(row) {
  row.shown.replaceChildren();
  row.words.forEach((word, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = word.unsure ? "word unsure" : "word";
    button.tabIndex = number ? -1 : 0;
    button.textContent = word.text;
    if (word.unsure) {
      const told = Object.assign(document.createElement("span"), { className: "quiet", textContent: " (unsure)" });
      told.lang = "en";
      button.append(told);
    }
    button.addEventListener("click", () => jumpTo(row, word));
    row.shown.append(button, " ");
  });
}

function jumpTo(row, word) {
  player?.jump(row.clip, word.start, row.tick.checked ? null : [row.start - AIR, row.end + AIR]);
}

// One stop for the tab key; arrows go from word to word.
function walk(event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const words = [...event.currentTarget.querySelectorAll(".word")];
  const at = words.indexOf(event.target);
  const to = { Home: 0, End: words.length - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
  if (at < 0 || !words[to]) return;
  event.preventDefault();
  words[at].tabIndex = -1;
  words[to].tabIndex = 0;
  words[to].focus();
}

function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.rows = 1;
  while (field.scrollHeight > field.clientHeight + 2 && field.rows < 12) field.rows++;
}

function timeButton(place, label, go) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "time plain" });
  button.textContent = place.textContent;
  button.setAttribute("aria-label", `${label} ${place.textContent}`);
  button.lang = "en";
  button.addEventListener("click", go);
  place.replaceWith(button);
}

for (const row of rows) {
  showWords(row);
  row.shown.addEventListener("keydown", walk);
  timeButton(row.item.querySelector("[data-time]"), "Play from", () => {
    if (row.tick.checked) player?.jump(row.clip, row.start - 0.1);
    else player?.listen(row.clip, row.start - AIR, row.end + AIR);
    if (row.tick.checked && player && !player.playing) player.toggle();
  });
  const mend = Object.assign(document.createElement("button"), { type: "button", className: "plain small", lang: "en" });
  mend.textContent = "Mend";
  mend.setAttribute("aria-expanded", String(row.item.classList.contains("open")));
  mend.setAttribute("aria-label", `Mend the words at ${row.item.querySelector(".time").textContent}`);
  mend.addEventListener("click", () => {
    const open = row.item.classList.toggle("open");
    mend.setAttribute("aria-expanded", String(open));
    if (open) {
      grow(row.field);
      row.field.focus();
    }
  });
  row.item.querySelector(".grow").before(mend);
  row.field.addEventListener("input", () => {
    grow(row.field);
    refresh(row);
    look();
  });
  row.field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // a sentence is one line
    if (event.key !== "Escape") return;
    mend.click();
    mend.focus();
  });
}

for (const gap of document.querySelectorAll("[data-gap]")) {
  const { clip, start, end } = gap.dataset;
  timeButton(gap.querySelector("[data-time]"), "Hear what is cut at", () => player?.listen(+clip, +start, +end));
}

function spoken(words) {
  return words.map((word) => word.text).join(" ");
}

// Words that did not change stay as they are: the one that is being clicked may not vanish under the pointer.
function refresh(row) {
  const texts = says(row);
  if (texts.join(" ") === spoken(row.words)) return;
  row.words = texts.join(" ") === spoken(row.original) ? row.original : timed(row.original, texts);
  showWords(row);
}

// --- unsure sentences -------------------------------------------------------------------------------------------------------

const note = document.querySelector("[data-look]");
const begin = document.querySelector("[data-next]");
const doubtful = rows.filter((row) => row.rightTick);

function isUnsure(row) {
  return row.tick.checked && !row.rightTick.checked && row.words === row.original;
}

// Counts down while they are corrected, found right or cut.
function look() {
  if (!note) return;
  const left = doubtful.filter(isUnsure);
  for (const row of doubtful) {
    row.item.classList.toggle("doubt", isUnsure(row));
    row.rightTick.closest("label").hidden = row.words !== row.original;
    row.next.hidden = !left.some((each) => each !== row);
  }
  const says = `${left.length || "No"} unsure sentence${left.length === 1 ? "" : "s"} left.`;
  const shown = note.querySelector("[data-left]");
  if (shown.textContent !== says) shown.textContent = says;
  note.classList.toggle("good", !left.length);
  note.querySelector("[data-how]").hidden = begin.hidden = !left.length;
}

// To the next one behind a place in the list; behind the last one, to the first.
function lookAfter(place) {
  const left = doubtful.filter(isUnsure);
  const row = left.find((each) => doubtful.indexOf(each) > place) ?? left[0];
  row.item.scrollIntoView({ block: "center" });
  row.rightTick.focus({ preventScroll: true });
}

doubtful.forEach((row, place) => {
  row.next = Object.assign(document.createElement("button"), { type: "button", className: "plain small", lang: "en" });
  row.next.textContent = "Next unsure";
  row.next.addEventListener("click", () => lookAfter(place));
  row.rightTick.closest("label").after(row.next);
});
begin?.addEventListener("click", () => lookAfter(-1));

// --- the picture follows --------------------------------------------------------------------------------------------------

function isOther(row) {
  return !row.planned.keep || says(row).join(" ") !== row.planned.text;
}

// A cut together with what little is left between it and the next one, or the clip's end: nobody says anything there.
function withCrumbs([start, end], holes, before, after, length) {
  const from = Math.max(0, ...holes.map((hole) => hole[1]).filter((at) => at <= start));
  const to = Math.min(length, ...holes.map((hole) => hole[0]).filter((at) => at >= end));
  return [start - from < CRUMB && from >= before ? from : start, to - end < CRUMB && to <= after ? to : end];
}

// What the video leaves out, of one clip, with all that was changed here and is not made yet.
function holesOf(clip) {
  const own = rows.filter((row) => row.clip === clip);
  let holes = data.plan.pieces.filter((piece) => piece.clip === clip && !piece.kept)
    .map((piece) => [piece.start, piece.end])
    .reduce((all, [start, end]) => together(all, start, end), []);
  own.forEach((row, number) => {
    const before = own[number - 1]?.end ?? 0;
    const after = own[number + 1]?.start ?? Infinity;
    if (row.tick.checked && !row.planned.keep) {
      holes = without(holes, Math.max(before, row.start - AIR), Math.min(after, row.end + AIR));
    } else if (!row.tick.checked && row.planned.keep) {
      const cut = [Math.max(before, row.start - AIR), Math.min(after, row.end + AIR)];
      holes = together(holes, ...withCrumbs(cut, holes, before, after, player.lengthOf(clip)));
    }
    if (!row.pauseTick || row.pauseTick.checked === row.planned.pause) return;
    const [start, end] = [row.end, row.end + row.pause];
    holes = row.pauseTick.checked ? without(holes, start, end) : together(holes, start + 0.3, end - 0.3);
  });
  return holes;
}

// The caption of a sentence that reads otherwise than in the plan, in parts as long as two lines; else undefined.
function captionOf(clip, time) {
  const row = rows.find((each) => each.clip === clip && each.start - 0.1 <= time && time < each.end + LINGERS);
  if (!row || !row.tick.checked || !isOther(row)) return undefined;
  const parts = [[]];
  for (const word of row.words) {
    const length = spoken(parts.at(-1)).length + word.text.length;
    if (length > 2 * (data.plan?.chars ?? 42)) parts.push([]);
    parts.at(-1).push(word);
  }
  const part = parts.findLast((each) => each.length && each[0].start <= time + 0.1) ?? parts[0];
  return spoken(part);
}

const player = stage && data.plan ? new Player(stage, data.plan, moved) : null;
const seek = document.getElementById("seek");
const play = document.querySelector("[data-play]");
const clock = document.querySelector("[data-clock]");

function follow() {
  for (const row of rows) row.item.classList.toggle("struck", !row.tick.checked);
  player?.videos.forEach((_, clip) => player.setHoles(clip, holesOf(clip)));
}

function told(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function moved() {
  if (!player) return;
  const before = lengths().slice(0, player.now).reduce((sum, each) => sum + each, 0);
  const whole = lengths().reduce((sum, each) => sum + each, 0);
  seek.max = whole;
  seek.value = before + player.time;
  seek.setAttribute("aria-valuetext", `${told(before + player.time)} of ${told(whole)}`);
  clock.textContent = `${told(before + player.time)} of ${told(whole)}`;
  play.textContent = player.playing ? "Pause" : "Play";
  for (const row of rows) {
    const here = row.clip === player.now && row.start - 0.1 <= player.time && player.time < row.end;
    if (row.item.classList.contains("here") !== here) row.item.classList.toggle("here", here);
  }
}

function lengths() {
  return player.videos.map((_, number) => player.lengthOf(number));
}

if (player) {
  for (const each of document.querySelectorAll("[data-controls]")) each.hidden = false;
  player.captionOf = captionOf;
  play.addEventListener("click", () => player.toggle());
  seek.addEventListener("input", () => {
    let [clip, left] = [0, +seek.value];
    while (clip + 1 < player.videos.length && left >= player.lengthOf(clip)) left -= player.lengthOf(clip++);
    player.jump(clip, left);
  });
  moved();
}
follow();
look();

// --- changes, and taking them back ----------------------------------------------------------------------------------------

const fields = [...form.querySelectorAll("input:not([type=hidden], [type=range]), textarea")];
const valueOf = (field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
const history = [];
let state = new Map(fields.map((field) => [field, valueOf(field)]));
const first = state;

function changed() {
  const now = new Map(fields.map((field) => [field, valueOf(field)]));
  if (fields.every((field) => now.get(field) === state.get(field))) return;
  history.push(state);
  state = now;
  after();
}

function after() {
  for (const row of rows) refresh(row);
  follow();
  look();
  const other = fields.filter((field) => state.get(field) !== first.get(field));
  const count = other.filter((field) => field.type !== "radio" || field.checked).length;
  unsaved.textContent = count ? `${count} change${count === 1 ? "" : "s"} not saved yet` : "";
  undo.disabled = !history.length;
}

undo.hidden = false;
undo.addEventListener("click", () => {
  state = history.pop() ?? state;
  for (const [field, value] of state) {
    if (field.type === "checkbox" || field.type === "radio") field.checked = value;
    else field.value = value;
  }
  after();
  if (undo.disabled) form.querySelector("[name=then]").focus();
});
form.addEventListener("change", changed);

let leaving = false;
form.addEventListener("submit", () => { leaving = true; });
addEventListener("beforeunload", (event) => {
  const dirty = fields.some((field) => valueOf(field) !== first.get(field));
  if (dirty && !leaving) event.preventDefault();
});
addEventListener("pageshow", () => { leaving = false; });
