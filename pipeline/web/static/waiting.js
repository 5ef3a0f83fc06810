// Goes on by itself when clips have been looked at. What was kept in this browser is no longer needed then.
import { forget } from "./keep.js";

const { handIn, recipe, person } = document.getElementById("waiting").dataset;

async function look() {
  try {
    const told = await (await fetch(`/hand-in/${handIn}/waits`, { headers: { Accept: "application/json" } })).json();
    if (told.waits === false) {
      if (told.taken) await forget(person, recipe);
      location.replace(`/hand-in/${handIn}`);
      return;
    }
  } catch {
    // the server is away for a moment
  }
  setTimeout(look, 1000);
}

look();
