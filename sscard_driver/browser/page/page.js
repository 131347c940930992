// SPDX-License-Identifier: Apache-2.0
// The tester's page: asks for the state, and sends what is pressed. The token is behind # in the URL.
"use strict";
const token = location.hash.slice(1);
const at = (id) => document.getElementById(id);

async function ask(name, value) {
  const options = { headers: { "X-Bridge-Token": token } };
  if (value !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(value);
  }
  let state;
  try {
    state = await (await fetch("/control/" + name, options)).json();
  } catch {
    state = { error: "the bridge has ended" };
  }
  if (state.error) {
    at("error").textContent = state.error;
    return;
  }
  if (value !== undefined) at("error").textContent = "";
  show(state);
}

function fill(id, items) {
  at(id).replaceChildren(
    ...items.map((item) => {
      const line = document.createElement("li");
      line.append(item);
      return line;
    }),
  );
}

function card(name, number, state) {
  const button = document.createElement("button");
  const inside = state.card === number;
  button.textContent = name + (inside ? " (in 已插卡)" : "");
  button.className = inside ? "in" : "";
  button.onclick = () => ask("insert", { card: number });
  return button;
}

function show(state) {
  const seen = JSON.stringify(state);
  if (seen === show.seen) return;
  show.seen = seen;
  fill("cards", state.cards.map((name, index) => card(name, index + 1, state)));
  at("psam").textContent = state.psam ? "in" : "none, or not asked for yet";
  at("asked").textContent = state.pin_asked
    ? "Asked for: " + state.pin_asked
    : state.pin_pressed + " pressed, not asked for yet";
  at("scanning").textContent = state.code_asked ? "Asked for" : state.code_shown + " shown";
  fill("faults", state.faults);
  fill("calls", state.calls.map((call) => call.function + " → " + call.code));
}

at("remove").onclick = () => ask("remove", {});
at("swap").onclick = () => ask("swap", {});
at("cancel").onclick = () => ask("cancel", {});
at("clear").onclick = () => ask("clear", {});
for (const name of ["pin", "code", "fault"]) {
  at(name).onsubmit = (event) => {
    event.preventDefault();
    ask(name, Object.fromEntries(new FormData(event.target)));
    event.target.reset();
  };
}
ask("state");
setInterval(() => ask("state"), 500);
