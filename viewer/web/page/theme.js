// Light, dark, or as the system is: remembered in this browser. A classic script in the head, so
// that the page is never painted in the wrong colours first. The style sheet looks only at
// data-theme on <html>; data-theme-choice says what was chosen, for the button.
(() => {
  const key = "lensbus-theme";
  const choices = ["system", "light", "dark"];
  const root = document.documentElement;
  const systemLight = matchMedia("(prefers-color-scheme: light)");

  // Storage is refused in some private windows: the choice then lasts as long as the page.
  const read = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const write = (value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // as said above
    }
  };

  let choice = choices.includes(read()) ? read() : "system";
  const apply = () => {
    const system = systemLight.matches ? "light" : "dark";
    root.dataset.themeChoice = choice;
    root.dataset.theme = choice === "system" ? system : choice;
    const button = document.getElementById("theme-button");
    if (button) {
      const text = choice === "system" ? "Colours: as the system" : `Colours: ${choice}`;
      button.title = text;
      button.setAttribute("aria-label", text);
    }
  };
  apply();
  systemLight.addEventListener("change", apply);
  addEventListener("storage", (event) => { // another tab chose
    if (event.key === key && choices.includes(event.newValue)) {
      choice = event.newValue;
      apply();
    }
  });
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme-button").addEventListener("click", () => {
      choice = choices[(choices.indexOf(choice) + 1) % choices.length];
      write(choice);
      apply();
    });
    apply();
  });
})();
