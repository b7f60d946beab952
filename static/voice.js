// One reply that arrives: its text, how far it is, and how it ended. It is a column of several, or the only one.

import { Scroller } from "./scroller.js";
import { TypedText } from "./typed_text.js";
import { View } from "./view.js";

const ENDED = { stop: "Done", length: "Done", content_filter: "Done", cancelled: "Stopped" }; // as shown.py says it
const REASONS = { complete: "stop", cancelled: "cancelled" }; // by a generation's status
const USUAL_LENGTH = 2000; // characters at which a reply is told to be half done; as progress_dialect.py has it
const STEP_MS = 1000; // between two changes of the progress: it may be read aloud

export class Voice {
  onShown = () => {}; // something of it has grown

  constructor(article) {
    this.article = article;
    this.name = article.querySelector("h2").textContent;
    this.progress = article.querySelector(".voice-progress");
    this.text = article.querySelector(".message-text");
    this.scroller = new Scroller(this.text);
    this.typed = new TypedText(this.text, () => this.shown());
    this.length = 0;
    this.steppedAt = -STEP_MS;
    article.querySelector(".voice-body")?.addEventListener("toggle", () => this.scroller.follow());
    article.querySelector(".message-stop")?.remove(); // the composer's button does the same
  }

  append(text) {
    if (!text) return;
    this.length += text.length;
    this.typed.append(text);
    this.tell("Writing");
  }

  replace(text) {
    this.length = text.length;
    this.typed.replace(text);
    if (text) this.tell("Writing");
  }

  /** How it stands, whatever was known of it before. */
  stand(text, status) {
    this.replace(text);
    if (status !== "streaming") this.end(REASONS[status] ?? "error");
  }

  shown() {
    this.scroller.follow();
    this.step();
    this.onShown();
  }

  /** Nobody knows how long an answer will be: it comes nearer to its end, and never goes back. */
  step() {
    if (!this.progress || performance.now() - this.steppedAt < STEP_MS) return;
    this.steppedAt = performance.now();
    this.progress.value = Math.max(this.progress.value, this.length / (this.length + USUAL_LENGTH));
  }

  fail(sentence) {
    const note = document.createElement("p");
    note.className = "message-note message-failed";
    note.textContent = sentence;
    (this.article.querySelector(".voice-body") ?? this.article).append(note);
  }

  /** Its stream is over, though others may go on; false if that was known. */
  end(reason) {
    if (!this.article.hasAttribute("aria-busy")) return false;
    const stop = this.article.querySelector(".voice-stop");
    if (stop?.contains(document.activeElement)) this.article.querySelector("summary").focus();
    stop?.remove();
    if (this.progress) this.progress.value = 1;
    this.tell(ENDED[reason] ?? "Failed");
    this.settle();
    return true;
  }

  /** Puts the text of the saved article in place of what was typed out. */
  show(saved) {
    const view = new View(this.article.parentElement);
    const body = this.article.querySelector(".voice-body");
    body.replaceChildren(body.querySelector("summary"), ...[...saved.querySelector(".voice-body").children].slice(1));
    view.giveTo(this.article.parentElement);
  }

  settle() {
    this.article.removeAttribute("aria-busy");
    this.article.querySelector(".waiting")?.remove();
  }

  get generationId() {
    return this.article.dataset.generationId;
  }

  get state() {
    return this.article.dataset.state;
  }

  tell(state) {
    if (this.state === state || !("state" in this.article.dataset)) return;
    this.article.dataset.state = state;
    this.article.querySelector(".voice-state").textContent = state;
    const tab = document.querySelector(`.voice-tabs a[href="#${CSS.escape(this.article.id)}"]`);
    if (tab) tab.dataset.state = state;
  }
}
