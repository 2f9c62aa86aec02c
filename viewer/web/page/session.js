// Who uses this page, where it asks: the button to log out, and the way to the login once a session
// has ended.

const checkEvery = 30_000; // ms

const tools = document.querySelector(".tools");
let button;

async function check() {
  let session;
  try {
    const answer = await fetch("api/session", { cache: "no-store" });
    if (!answer.ok) return;
    session = await answer.json();
  } catch {
    return; // no server: the page says so itself
  }
  warn(session.insecure);
  if (!session.login) return;
  if (!session.name) {
    location.replace("login.html" + location.hash);
    return;
  }
  document.documentElement.dataset.operator = String(session.operator);
  show(session.name);
}

// warn says on every view that the page is open to others without a password, or without encryption.
function warn(insecure) {
  let note = document.getElementById("insecure-note");
  if (!insecure) {
    note?.remove();
    return;
  }
  if (note) return;
  note = document.createElement("p");
  note.id = "insecure-note";
  note.className = "insecure-note";
  note.setAttribute("role", "status");
  note.textContent = "Insecure: this page is open to the network without a password, or without encryption.";
  document.querySelector("header").after(note);
}

function show(name) {
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.id = "logout-button";
    button.className = "tool";
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M14 4h-8v16h8M10 12h10M17 8.5l3.5 3.5-3.5 3.5");
    icon.append(path);
    button.append(icon);
    button.addEventListener("click", logout);
    tools.append(button);
  }
  button.title = `Log out ${name}`;
  button.setAttribute("aria-label", button.title);
}

async function logout() {
  try {
    await fetch("api/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  } finally {
    location.replace("login.html");
  }
}

check();
setInterval(check, checkEvery);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) check();
});
