// Logging in. The session is a cookie that no script sees.

const form = document.getElementById("login");
const error = document.getElementById("login-error");
const button = form.querySelector("button");

// What is behind "#" is the camera that was asked for: it is kept.
const home = () => location.replace("./" + location.hash);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  error.textContent = "";
  try {
    const answer = await fetch("api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: form.elements.name.value.trim(), password: form.elements.password.value }),
    });
    if (answer.ok) {
      home();
      return;
    }
    error.textContent = await reason(answer);
  } catch {
    error.textContent = "The server cannot be reached.";
  }
  button.disabled = false;
  form.elements.password.select();
});

async function reason(answer) {
  const text = await answer.json().then((body) => body.error, () => "");
  return text ? text[0].toUpperCase() + text.slice(1) + "." : `The server refuses (${answer.status}).`;
}

fetch("api/session").then((answer) => answer.json()).then((session) => {
  if (!session.login || session.name) home();
}, () => {});
