// The board with JavaScript: topics like yours appear while you type, and a vote needs no new page.

const WAIT = 300; // milliseconds without a key

for (const form of document.querySelectorAll("form.vote")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    vote(form);
  });
}
const suggest = document.getElementById("suggest");
if (suggest) watch(suggest);

// --- votes

async function vote(form) {
  const button = form.querySelector("button");
  if (button.getAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { accept: "application/json" } });
    const told = await answer.json();
    if (answer.ok) show(form, button, told);
    else tell("vote-told", `${told.error.what} ${told.error.do}`, true);
  } catch {
    tell("vote-told", "The server does not answer. Try again in a moment.", true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function show(form, button, told) {
  button.setAttribute("aria-pressed", String(told.voted));
  button.querySelector("b").textContent = told.votes;
  button.querySelector(".label").textContent = told.voted ? "Voted" : "Vote";
  form.action = `/topics/${form.dataset.topic}/${told.voted ? "unvote" : "vote"}`;
  const votes = told.votes === 1 ? "1 vote" : `${told.votes} votes`;
  tell("vote-told", `${told.voted ? "Your vote counts" : "Your vote is taken back"}: ${votes}.`);
}

function tell(id, text, bad = false) {
  const place = document.getElementById(id);
  place.textContent = text;
  place.className = bad ? "note bad" : "quiet";
}

// --- what is like it

function watch(form) {
  const { text, seen } = form.elements;
  let timer = 0;
  let turn = 0;
  text.addEventListener("input", () => {
    clearTimeout(timer);
    turn += 1;
    timer = setTimeout(look, WAIT, turn);
  });

  async function look(mine) {
    const typed = text.value.trim();
    const found = typed.length > 2 ? await similar(typed) : [];
    if (mine !== turn || found === null) return;
    list(found);
    seen.value = found.length ? typed : "";
  }
}

async function similar(text) {
  try {
    const answer = await fetch(`/topics/similar?${new URLSearchParams({ text })}`, { headers: { accept: "application/json" } });
    return answer.ok ? (await answer.json()).similar : null;
  } catch {
    return null;
  }
}

function list(found) {
  const place = document.getElementById("similar");
  place.replaceChildren(...found.map(row));
  place.hidden = found.length === 0;
  const many = found.length === 1 ? "One topic is" : `${found.length} topics are`;
  document.getElementById("similar-told").textContent = found.length ? `${many} like yours. Vote there, if it is the same.` : "";
}

function row(topic) {
  const item = document.createElement("li");
  item.append(link(`/topics/${topic.id}`, topic.text), ` ${topic.status === "new" ? votes(topic) : topic.status} `);
  if (topic.link.startsWith("http")) item.append(link(topic.link, "Watch the answer"));
  return item;
}

function votes(topic) {
  return topic.votes === 1 ? "1 vote" : `${topic.votes} votes`;
}

function link(address, text) {
  const made = document.createElement("a");
  made.href = address;
  made.textContent = text;
  return made;
}
