// What the pages gain where scripts run. Without them every page is complete all the same.
"use strict";

// A form is sent once, however often its button is pressed.
for (const form of document.forms) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener("pageshow", () => (sent = false));
}

// A password can be looked at before it is sent.
const words = document.body.dataset;
for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? words.hide : words.show;
    button.setAttribute("aria-label", shown ? words.hideLabel : words.showLabel);
  };
  button.type = "button";
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  input.after(button);
  show(false);
}

// The page that asks for a code goes on by itself once the link in the message was confirmed.
const watched = document.querySelector("[data-watch]");
if (watched) {
  const begun = performance.now();
  const later = () => setTimeout(ask, performance.now() - begun < 180_000 ? 2_000 : 10_000);
  const ask = async () => {
    if (document.hidden) return later();
    try {
      const answer = await fetch(watched.dataset.watch, { headers: { accept: "application/json" } });
      if (answer.status === 404) return;
      const type = answer.ok ? (await answer.json()).prompt.type : "code";
      if (type === "confirmed") return document.getElementById("go-on").click();
      if (type !== "code") return location.reload();
    } catch {
      // The network is away for a moment.
    }
    later();
  };
  later();
}
