// The brand's preview follows the form: another picture whenever a color or a name was changed. Nothing is saved by it.

const WAIT = 250; // milliseconds after the last change
const SEEN = ["title", "colors.background", "colors.text", "colors.accent", "colors.looks"];

const form = document.getElementById("brand");
const picture = document.getElementById("preview");
const shown = document.getElementById("shown");
const told = document.getElementById("preview-told");
let timer = 0;
let turn = 0;

form.addEventListener("input", () => {
  clearTimeout(timer);
  turn += 1;
  timer = setTimeout(draw, WAIT, turn);
});

async function draw(mine) {
  try {
    const answer = await fetch(`${picture.dataset.from}?${wanted()}`, { headers: { accept: "application/json" } });
    if (mine !== turn) return;
    if (answer.ok) show(await answer.blob());
    else told.textContent = (await answer.json()).error.do;
  } catch {
    told.textContent = "The server does not answer. Try again in a moment.";
  }
}

function wanted() {
  const values = new URLSearchParams(SEEN.map((key) => [key, form.elements[key].value]));
  if (shown) values.set("person", shown.value);
  return values;
}

function show(blob) {
  const before = picture.src;
  picture.src = URL.createObjectURL(blob);
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  told.textContent = "This is how it would look. It is not saved yet.";
}
