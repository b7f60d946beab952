// The messages on the page: the optimistic copy of one's own, the replies that are arriving, the saved ones.

import { addCopyButtons } from "./code_blocks.js";
import { useLocalTime } from "./times.js";
import { TypedText } from "./typed_text.js";

const NEAR_PX = 96;

export class Messages {
  constructor(container) {
    this.container = container;
    this.pending = []; // articles that the saved ones will replace
    this.replies = new Map(); // voice → {article, typed}
    this.atEnd = true;
    window.addEventListener("scroll", () => this.look(), { passive: true });
  }

  /** Articles that the server sent as still being written. */
  running() {
    return [...this.container.querySelectorAll('[aria-busy="true"][data-stream-url]')];
  }

  adopt(article) {
    article.querySelector(".message-stop")?.remove();
    const typed = new TypedText(article.querySelector(".message-text"), () => this.follow());
    this.replies.set(article.dataset.voice ?? "", { article, typed });
    this.pending.push(article);
  }

  addOwn(text) {
    const article = this.add("own-template");
    article.querySelector(".message-text").textContent = text;
    this.scrollToEnd();
    return article;
  }

  addReply(voice) {
    const article = this.add("reply-template");
    article.dataset.voice = voice;
    article.querySelector("h2").textContent = voice.charAt(0).toUpperCase() + voice.slice(1);
    this.adopt(article);
    this.scrollToEnd();
  }

  add(template) {
    const article = document.getElementById(template).content.firstElementChild.cloneNode(true);
    this.container.append(article);
    this.pending = this.pending.filter((each) => each.isConnected);
    if (template === "own-template") this.pending.push(article);
    return article;
  }

  append(voice, text) {
    this.reply(voice)?.typed.append(text);
  }

  replace(voice, text) {
    this.reply(voice)?.typed.replace(text);
  }

  clear() {
    for (const { typed } of this.replies.values()) typed.replace("");
  }

  fail(voice, sentence) {
    const note = document.createElement("p");
    note.className = "message-note message-failed";
    note.textContent = sentence;
    this.reply(voice)?.article.append(note);
    this.follow();
  }

  /** With one voice the events name none. */
  reply(voice) {
    return this.replies.get(voice) ?? this.replies.values().next().value;
  }

  /** Puts the saved messages in place of the pending ones; false, and nothing done, if they are not finished. */
  swap(html) {
    const saved = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("article")];
    if (saved.some((article) => article.getAttribute("aria-busy") === "true")) return false;
    for (const article of saved) this.take(article);
    for (const article of this.pending) article.remove();
    this.settle();
    this.follow();
    return true;
  }

  take(article) {
    const id = article.dataset.messageId;
    const shown = [...this.container.children].find((each) => each.dataset.messageId === id);
    if (shown && !this.pending.includes(shown)) shown.replaceWith(article);
    else this.container.insertBefore(article, this.pending.find((each) => each.isConnected) ?? null);
    addCopyButtons(article);
    useLocalTime(article);
  }

  settle() {
    for (const { article } of this.replies.values()) {
      article.removeAttribute("aria-busy");
      article.querySelector(".waiting")?.remove();
    }
    this.pending = [];
    this.replies.clear();
  }

  lastReply() {
    const replies = this.container.querySelectorAll(".message-reply");
    const text = replies[replies.length - 1]?.innerText ?? "";
    return text.length > 1000 ? `${text.slice(0, 1000)} …` : text;
  }

  look() {
    const page = document.documentElement;
    this.atEnd = page.scrollHeight - window.innerHeight - window.scrollY < NEAR_PX;
  }

  /** Keeps the end in sight for a reader who is at the end, and leaves everybody else where they read. */
  follow() {
    if (this.atEnd) window.scrollTo(0, document.documentElement.scrollHeight);
  }

  scrollToEnd() {
    this.atEnd = true;
    this.follow();
  }
}
