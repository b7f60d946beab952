// The composer: keys, counter, who answers, draft, and what went wrong with the last message.

import { choiceOfVoices } from "./api.js";
import { Draft, newId } from "./draft.js";
import { VoicePicker } from "./voice_picker.js";

const LIMIT = 4000; // code points, after trimming: the server's own
const COUNT_FROM = 3600;
const touchOnly = matchMedia("(hover: none) and (pointer: coarse)");

export class Composer {
  onSend = () => {};
  onStop = () => {};

  constructor(form, sessionId) {
    this.form = form;
    this.text = form.elements.message;
    this.clientMessageId = form.elements.client_message_id;
    this.sendButton = form.querySelector("#send");
    this.stopButton = form.querySelector("#stop");
    this.counter = document.querySelector("#counter");
    this.error = document.querySelector("#composer-error");
    this.picker = new VoicePicker(form.querySelector("#voice-picker"));
    this.draft = new Draft(sessionId);
    this.sent = null; // what is under way: {message, id, voices}
    this.recall();
    this.picker.onChange = () => this.changed();
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.stopButton.addEventListener("click", () => this.onStop());
  }

  recall() {
    const kept = this.draft.read();
    if (kept?.voices && this.error.hidden) this.picker.choose(kept.voices);
    if (!this.text.value && kept) {
      this.text.value = kept.message;
      this.clientMessageId.value = kept.id; // it may have arrived: the same id never posts twice
    }
    this.count();
  }

  changed() {
    if (this.sent) return;
    this.clientMessageId.value = newId(); // another text, or to others, is another message
    this.complain("");
    this.keep();
    this.count();
  }

  keep() {
    this.draft.write(this.text.value, this.clientMessageId.value, this.picker.isChanged ? this.picker.keys : undefined);
  }

  count() {
    const length = [...this.text.value.trim()].length;
    this.counter.hidden = length < COUNT_FROM;
    this.counter.textContent = `${length} / ${LIMIT}`;
    this.counter.classList.toggle("over", length > LIMIT);
    this.picker.count(this.text.value);
    return length;
  }

  pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.isComposing || event.keyCode === 229 || touchOnly.matches) return; // an input method's own Enter
    event.preventDefault();
    this.form.requestSubmit();
  }

  submit(event) {
    event.preventDefault();
    const length = this.count();
    if (!length || this.sent) return;
    if (length > LIMIT) this.complain(`The message is ${length - LIMIT} characters too long.`);
    else this.onSend(this.text.value.trim(), this.clientMessageId.value, this.picker.keys);
  }

  /** From the press of Send until the server has answered, the text is out of the way but not lost. */
  posting(underWay) {
    if (underWay) {
      this.keep();
      this.sent = { message: this.text.value, id: this.clientMessageId.value, voices: this.picker.keys };
      this.text.value = "";
      this.complain("");
    } else {
      this.sent = null;
      if (this.text.value || this.picker.isChanged) this.keep();
    }
    this.sendButton.disabled = underWay;
    this.count();
  }

  accepted() {
    this.draft.forget();
    this.picker.settle(this.sent.voices);
    this.clientMessageId.value = newId();
    this.focus();
  }

  refused(refusal) {
    if (this.sent) {
      const later = this.text.value;
      this.text.value = later ? `${this.sent.message}\n${later}` : this.sent.message;
      const isAnother = later || String(this.sent.voices) !== String(this.picker.keys);
      this.clientMessageId.value = isAnother ? newId() : this.sent.id;
    }
    this.complain(refusal.signedOut ? "Your session has ended; your message is kept." : refusal.message);
    if (refusal.signedOut) this.offerSignIn();
    this.focus();
  }

  complain(sentence) {
    this.error.hidden = !sentence;
    this.error.textContent = sentence;
  }

  offerSignIn() {
    const link = document.createElement("a");
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
    link.textContent = "Sign in again";
    this.error.append(" ", link);
  }

  running(running) {
    const focused = document.activeElement === (running ? this.sendButton : this.stopButton);
    this.sendButton.hidden = running;
    this.stopButton.hidden = !running;
    if (focused) this.focus();
  }

  focus() {
    if (!touchOnly.matches) this.text.focus({ preventScroll: true });
  }

  /** More was said, which the next message brings along. */
  async reprice(sessionId) {
    const html = await choiceOfVoices(sessionId);
    if (html) this.picker.reprice(html);
  }

  moveTo(sessionId) {
    this.draft = new Draft(sessionId);
    this.form.action = `/c/${sessionId}/messages`;
  }
}
