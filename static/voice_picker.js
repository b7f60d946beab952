// The choice of voices: who answers the next message, and what that would cost at most. The words are those of
// chatapp/web/pages/voice_choice.py.

import { closeOnEscape } from "./account_menu.js";
import { dollars } from "./amount.js";

const NAMED = 3; // voices that are told by their names
const LATIN_PER_TOKEN = 4; // as the server counts (chatapp/turns/estimate.py)
const ASTRAL_TOKENS = 3;

export class VoicePicker {
  onChange = () => {};

  constructor(details) {
    this.details = details;
    this.boxes = [...details.querySelectorAll('input[name="voices"]')];
    this.most = Number(details.dataset.most);
    this.default = this.boxes.find(({ value }) => value === details.dataset.default);
    this.note = details.querySelector(".picker-note");
    this.tokens = 0; // of the message, as far as it is written
    closeOnEscape(details);
    details.addEventListener("change", ({ target }) => this.ticked(target));
    details.addEventListener("click", ({ target }) => this.tickAll(target.dataset.tick));
    details.querySelector(".picker-tools").hidden = false;
    window.addEventListener("pageshow", () => this.show()); // a browser may put back what was ticked
    this.show();
  }

  /** The keys of those that are ticked; none means the default. */
  get keys() {
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }

  /** Whether the choice is another one than the server's own. */
  get isChanged() {
    return this.boxes.some((box) => box.checked !== box.defaultChecked);
  }

  choose(keys) {
    for (const box of this.boxes) box.checked = keys.includes(box.value);
    this.show();
  }

  /** The server knows this choice by now: it was asked, and the answers need the room. */
  settle(keys) {
    this.details.open = false;
    const asked = keys.length ? keys : [this.default?.value];
    for (const box of this.boxes) {
      const { checked } = box; // which goes along with the default until somebody has touched the box
      box.defaultChecked = asked.includes(box.value);
      box.checked = checked;
    }
  }

  ticked(box) {
    if (box.name !== "voices") return;
    const isTooMany = this.keys.length > this.most;
    if (isTooMany) box.checked = false;
    this.show();
    if (isTooMany) this.note.textContent = `At most ${this.most} voices answer one message: untick another first.`;
    else this.onChange();
  }

  tickAll(which) {
    if (!which) return;
    this.choose((which === "all" ? this.boxes : [this.default]).map((box) => box.value));
    this.onChange();
  }

  /** The message has changed; what it costs counts along. */
  count(text) {
    this.tokens = tokensOf(text.trim());
    this.showCosts();
  }

  /** What was said since has its cost: `html` is the picker as the server would make it now. */
  reprice(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const box of this.boxes) {
      const { costUsd, tokenUsd } = fresh.getElementById(box.id)?.dataset ?? {};
      if (costUsd !== undefined) Object.assign(box.dataset, { costUsd, tokenUsd });
    }
    this.showCosts();
  }

  get asked() {
    const ticked = this.boxes.filter((box) => box.checked);
    return ticked.length || !this.default ? ticked : [this.default];
  }

  show() {
    const asked = this.asked;
    this.say(".picker-who", whoOf(asked, this.boxes.length));
    this.details.querySelector(".picker-dots").replaceChildren(...asked.map(dot));
    const isNobody = this.default && !this.keys.length;
    this.note.textContent = isNobody ? `Nobody is ticked: ${this.default.dataset.name} answers.` : "";
    this.showCosts();
  }

  showCosts() {
    this.say(".picker-cost", this.cost(this.asked));
    this.say(".picker-all", this.cost(this.boxes));
    for (const box of this.boxes) this.say(".picker-price", this.cost([box]), box.closest("li"));
  }

  /** Where there is such a place: without a known price most are left out. */
  say(where, text, within = this.details) {
    const element = within.querySelector(where);
    if (element) element.textContent = text;
  }

  cost(boxes) {
    const known = boxes.map(({ dataset }) => dataset).filter(({ costUsd }) => costUsd !== undefined);
    if (!known.length) return boxes.length ? "price not known" : "";
    const sum = known.reduce((all, { costUsd, tokenUsd }) => all + Number(costUsd) + this.tokens * Number(tokenUsd), 0);
    const unknown = boxes.length - known.length;
    return `up to about ${dollars(sum)}${unknown ? `, and ${unknown} without a known price` : ""}`;
  }
}

function whoOf(asked, offered) {
  const names = asked.map(({ dataset }) => dataset.name);
  if (names.length > 1 && names.length === offered) return `All ${offered} voices`;
  if (names.length > NAMED) return `${names[0]} and ${names.length - 1} more`;
  return names.join(", ") || "Nobody can be asked";
}

function dot({ dataset }) {
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.dataset.colour = dataset.colour;
  return swatch;
}

function tokensOf(text) {
  let latin = 0;
  let others = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    if (code < 0x100) latin += 1;
    else others += code > 0xffff ? ASTRAL_TOKENS : 1;
  }
  return Math.ceil(latin / LATIN_PER_TOKEN) + others;
}
