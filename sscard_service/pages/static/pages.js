// SPDX-License-Identifier: Apache-2.0
// The kiosk's page: keyboard, warning, end. Everything works without it but the keyboard.
"use strict";
(() => {
  const body = document.body;
  const kiosk = body.dataset.channel === "kiosk";
  const csrf = body.dataset.csrf;
  const post = (address, fields) => fetch(address, {
    method: "POST", credentials: "same-origin", cache: "no-store",
    body: new URLSearchParams({ csrf, ...fields }),
  });
  const over = () => {
    document.querySelectorAll("input").forEach((one) => { one.value = ""; });
    document.querySelector("main").replaceChildren();
    location.replace(body.dataset.start);
  };
  // A page that comes back out of the browser's own store is asked for anew.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  if (!kiosk) return;

  // --- is anybody there? ---------------------------------------------------------------------
  const warning = document.getElementById("warning");
  const welcome = document.querySelector(".welcome");
  let last = 0;
  // While another page is on its way this one does not begin anew, which would stop it.
  let leaving = 0;
  addEventListener("beforeunload", () => { leaving = Date.now(); });
  const here = () => {
    const now = Date.now();
    if (!csrf || now - last < 3000) return;
    last = now;
    post("/alive", {}).catch(() => {});
  };
  const ask = async () => {
    try {
      const told = await (await fetch("/state", { cache: "no-store" })).json();
      if (welcome) {
        const changed = String(Number(told.card)) !== welcome.dataset.card;
        if (changed && Date.now() - leaving > 30000) location.reload();
      } else if (csrf && told.state === "end") {
        over();
        return;
      } else if (warning && told.state === "warn") {
        document.getElementById("left").textContent = told.left;
        if (!warning.open) warning.showModal();
      } else if (warning && warning.open) {
        warning.close();
      }
    } catch { /* the kiosk is being restarted: ask again */ }
    setTimeout(ask, 500);
  };
  ask();
  if (warning) {
    document.getElementById("stay").addEventListener("click", () => {
      last = 0;
      here();
      warning.close();
    });
    warning.addEventListener("cancel", (event) => event.preventDefault());
  }
  document.addEventListener("pointerdown", () => { if (!warning || !warning.open) here(); });
  document.addEventListener("contextmenu", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || /^F\d/.test(event.key)) event.preventDefault();
  });
  document.addEventListener("wheel", (event) => { if (event.ctrlKey) event.preventDefault(); },
    { passive: false });
  // One touch, one request.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });

  // --- the keyboard ----------------------------------------------------------------------------
  const keyboard = document.getElementById("keyboard");
  const chinese = document.documentElement.lang !== "en";
  const LETTERS = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
  const LAYOUTS = {
    digits: ["123", "456", "789", "⌫0✓"],
    identity: ["1234567890X", "⌫✓"],
    text: [...LETTERS, "-_.@!#⇧ ⌫✓"],
    pinyin: [...LETTERS, "-（）⇆ ⌫✓"],
  };
  let field = null, shift = false, typing = "", input = true;
  const key = (text, action, wide) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.dataset.key = text;
    if (wide) button.className = "wide";
    // the field keeps its focus
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", action);
    return button;
  };
  const put = (text) => {
    if (field.value.length + text.length <= field.maxLength) field.value += text;
  };
  const offers = document.createElement("div");
  offers.className = "row offers";
  offers.setAttribute("aria-live", "polite");
  const offer = async () => {
    const wanted = typing;
    const letters = document.createElement("span");
    letters.className = "letters";
    letters.textContent = wanted;
    offers.replaceChildren(letters);
    if (!wanted) return;
    const found = await (await post("/pinyin", { letters: wanted })).json();
    if (wanted !== typing) return;
    found.forEach((one) => offers.append(key(one, () => { put(one); typing = ""; offer(); })));
  };
  const WIDE = {
    "⌫": () => [chinese ? "删除" : "Delete", () => {
      if (typing) { typing = typing.slice(0, -1); offer(); } else field.value = field.value.slice(0, -1);
    }],
    "✓": () => [chinese ? "完成" : "Done", () => { typing = ""; field.blur(); hide(); }],
    "⇧": () => [shift ? "abc" : "ABC", () => { shift = !shift; draw(); }],
    "⇆": () => [input ? "拼音" : "abc", () => { input = !input; typing = ""; draw(); }],
    " ": () => [chinese ? "空格" : "Space", () => put(" ")],
  };
  const draw = () => {
    const kind = field.dataset.keys;
    keyboard.replaceChildren();
    if (kind === "pinyin" && input) { keyboard.append(offers); offer(); }
    for (const line of LAYOUTS[kind] || LAYOUTS.text) {
      const row = document.createElement("div");
      row.className = "row";
      for (const one of line) {
        if (WIDE[one]) {
          const [name, action] = WIDE[one]();
          const button = key(name, action, true);
          button.dataset.key = one;
          row.append(button);
        } else {
          const letter = shift ? one.toUpperCase() : one;
          row.append(key(letter, () => {
            if (kind === "pinyin" && input && /^[a-z]$/.test(one)) {
              typing = (typing + one).slice(0, 6);
              offer();
            } else put(letter);
          }));
        }
      }
      keyboard.append(row);
    }
    keyboard.hidden = false;
    field.scrollIntoView({ block: "center" });
  };
  const hide = () => { keyboard.hidden = true; field = null; };
  document.querySelectorAll("input[data-keys]").forEach((one) => {
    one.inputMode = "none";
    one.addEventListener("focus", () => { field = one; shift = false; typing = ""; draw(); });
  });
  // The keyboard opens by itself only where typing comes first.
  const first = document.querySelector("fieldset, .picture, input[data-keys]");
  if (first && first.matches("input")) first.focus();
})();
