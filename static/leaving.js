// Leaving the page: asked about only where something would be lost. An answer to this page's own messages belongs to
// the conversation and runs on by itself, so leaving it asks nothing, and who comes back finds it going on.

const COME_BACK_S = 30; // an answer that is given up sooner, unheard, is lost to who only looks elsewhere
const QUESTION = "Something here would be lost. Leave all the same?"; // where the browser has no words of its own

export class Leaving {
  constructor({ abandonS }) {
    this.runsOn = Number(abandonS) >= COME_BACK_S;
    this.losses = new Set(); // what would be lost now
    this.unsaved = new Set(); // replies that could not be saved: their articles
    this.ask = (event) => this.asked(event);
    document.addEventListener("copy", () => this.copied());
  }

  /** A message is under way, and the server has not said yet that it has it. */
  posting(underWay) {
    this.note("message", underWay);
  }

  /** Voices stream. `isBound` says that their turn is tied to somebody's connection. */
  answering(isBound) {
    this.note("answer", isBound || !this.runsOn);
  }

  /** They have ended, and what they said is saved. */
  answered() {
    this.ended();
    this.goneOn();
  }

  ended() {
    document.querySelector("#bound-note")?.remove();
    this.note("answer", false);
  }

  /** A reply could not be saved: this page may be the only place where it still is. */
  notSaved(article) {
    this.unsaved.add(article);
    this.note("reply", true);
  }

  /** Whoever goes on has seen it. */
  goneOn() {
    this.unsaved.clear();
    this.note("reply", false);
  }

  copied() {
    const selection = document.getSelection();
    for (const article of this.unsaved) if (selection.containsNode(article, true)) this.unsaved.delete(article);
    if (!this.unsaved.size) this.note("reply", false);
  }

  /** Whether the page may be left in a way that the browser does not ask about. */
  mayGo() {
    if (this.losses.size && !confirm(QUESTION)) return false;
    for (const loss of [...this.losses]) this.note(loss, false);
    return true;
  }

  /** The listener is there only while it is needed: with one, a browser keeps no page for the way back. */
  note(loss, holds) {
    if (holds) this.losses.add(loss);
    else this.losses.delete(loss);
    if (this.losses.size) window.addEventListener("beforeunload", this.ask);
    else window.removeEventListener("beforeunload", this.ask);
  }

  asked(event) {
    event.preventDefault();
    event.returnValue = true; // older browsers
  }
}
