// The messages on the page: the optimistic copy of one's own, the replies that are arriving, the saved ones.

import { addCopyButtons } from "./code_blocks.js";
import { addReplies, newExchange } from "./exchange.js";
import { Scroller } from "./scroller.js";
import { useLocalTime } from "./times.js";
import { View } from "./view.js";
import { Voice } from "./voice.js";
import { useTabs } from "./voice_tabs.js";

export class Messages {
  onStop = () => {}; // (generation id): one voice of several is to stop

  constructor(container) {
    this.container = container;
    this.exchange = null; // the one that grows
    this.voices = new Map(); // key → Voice, of those that are arriving
    this.page = new Scroller(document.documentElement, window);
    container.addEventListener("submit", (event) => this.submitted(event));
    for (const section of container.querySelectorAll(".exchange")) useTabs(section);
  }

  submitted(event) {
    if (!event.target.matches(".voice-stop")) return; // other forms lead to the page as it is then
    event.preventDefault();
    this.onStop(event.target.closest("article").dataset.generationId);
  }

  /** Articles that the server sent as still being written. */
  running() {
    return [...this.container.querySelectorAll('[aria-busy="true"][data-stream-url]')];
  }

  adopt(articles) {
    this.exchange = articles[0].closest(".exchange");
    for (const article of articles) {
      const voice = new Voice(article);
      voice.onShown = () => this.page.follow();
      this.voices.set(article.dataset.voice, voice);
    }
  }

  addOwn(text) {
    const section = newExchange(text);
    this.container.append(section);
    this.scrollToEnd();
    return section;
  }

  addReplies(section, generations) {
    this.adopt(addReplies(section, generations));
    useTabs(section);
    this.scrollToEnd();
  }

  append(key, text) {
    this.voice(key)?.append(text);
  }

  /** A snapshot: how each of them stands. */
  stand(generations) {
    for (const { voice, text, status } of generations) this.voice(voice)?.stand(text, status);
  }

  clear() {
    for (const voice of this.voices.values()) voice.replace("");
  }

  /** The voice that failed, if it is one of these. */
  fail(key, sentence) {
    const voice = this.voice(key);
    voice?.fail(sentence);
    this.page.follow();
    return voice;
  }

  /** One of several has ended: its name and how; null for one that had. */
  end(key, reason) {
    const voice = this.voice(key);
    return voice?.end(reason) ? voice : null;
  }

  /** The saved form of one that has ended. */
  show(voice, html) {
    const saved = new DOMParser().parseFromString(html, "text/html").querySelector(".voice");
    if (saved.hasAttribute("aria-busy")) return;
    addCopyButtons(saved);
    voice.show(saved);
    this.page.follow();
  }

  /** Where only one answers, the events name none. One that is named and not known had ended before the page came. */
  voice(key) {
    return key === undefined ? this.voices.values().next().value : this.voices.get(key);
  }

  /** Puts the saved exchange in place of the one that grew; false, and nothing done, if the turn goes on. */
  swap(html, turnId) {
    const saved = new DOMParser().parseFromString(html, "text/html").querySelector(".exchange");
    if (saved.querySelector(`[aria-busy="true"][data-turn-id="${turnId}"]`)) return false;
    const view = new View(this.exchange);
    this.exchange.replaceWith(saved);
    addCopyButtons(saved);
    useLocalTime(saved);
    useTabs(saved);
    view.giveTo(saved);
    this.settle();
    this.page.follow();
    return true;
  }

  settle() {
    for (const voice of this.voices.values()) voice.settle();
    this.exchange = null;
    this.voices.clear();
  }

  /** What the newest exchange says, for who listens: the only answer, or who answered how. */
  outcome() {
    const section = this.container.querySelector(".exchange:last-of-type");
    const voices = [...section.querySelectorAll(".voice")];
    const merge = section.querySelector(".message-merge");
    if (voices.length && !merge) return voices.map(stateOf).join(" ");
    const text = (merge ?? section.querySelector(".message-reply"))?.innerText ?? "";
    return text.length > 1000 ? `${text.slice(0, 1000)} …` : text;
  }

  /** Where the address points to, or the end. */
  scrollToBegin() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target || !this.container.contains(target)) this.scrollToEnd();
    else this.page.look();
  }

  scrollToEnd() {
    this.page.atEnd = true;
    this.page.follow();
  }
}

function stateOf(article) {
  return `${article.querySelector("h2").textContent}: ${article.dataset.state.toLowerCase()}.`;
}
