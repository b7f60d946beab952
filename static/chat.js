// One conversation's page: sends messages, follows the turn that answers, and puts the saved form in its place.

import { cancelGeneration, cancelTurn, finishedReply, finishedTurn, startTurn } from "./api.js";
import { Composer } from "./composer.js";
import { Leaving } from "./leaving.js";
import { Messages } from "./messages.js";
import { addConversation } from "./sidebar.js";
import { TurnStream } from "./turn_stream.js";

const OTHERS_MS = 400; // for the others to end, too: then all are asked for at once

export class Chat {
  constructor(main) {
    this.main = main;
    this.sessionId = main.dataset.sessionId ?? null;
    this.path = location.pathname;
    this.turn = null; // {id, cancelUrl, streamUrl, isBound} while one runs
    this.leaving = new Leaving(main.dataset);
    this.messages = new Messages(main.querySelector("#messages"));
    this.composer = new Composer(main.querySelector("#composer"), this.sessionId);
    this.announcer = main.querySelector("#announcer");
    this.connection = main.querySelector("#connection");
  }

  start() {
    this.composer.onSend = (...asked) => this.send(...asked);
    this.composer.onStop = () => this.stop();
    this.messages.onStop = (generationId) => this.stopVoice(generationId);
    window.addEventListener("popstate", () => this.wentBack());
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    this.messages.scrollToBegin();
    this.resume();
  }

  /** To the page before this conversation got its address. Where something would be lost, it can be called off. */
  wentBack() {
    if (location.pathname === this.path) return; // to another place on this page
    if (this.leaving.mayGo()) location.reload();
    else history.pushState(null, "", this.path);
  }

  /** The page was loaded in mid-answer: read the turn from its beginning. */
  resume() {
    const running = this.messages.running();
    if (!running.length) return;
    const { turnId, streamUrl, cancelUrl, bound } = running[0].dataset;
    this.messages.adopt(running);
    this.follow({ id: turnId, streamUrl, cancelUrl, isBound: bound !== undefined });
  }

  async send(message, clientMessageId, voices) {
    if (this.turn) {
      this.composer.complain("The answer is still being written. Wait for its end, or stop it.");
      return;
    }
    const exchange = this.messages.addOwn(message);
    this.composer.posting(true);
    this.leaving.posting(true);
    try {
      const started = await startTurn({ message, sessionId: this.sessionId, clientMessageId, voices });
      this.composer.accepted();
      this.leaving.goneOn();
      this.begin(started, message, exchange);
    } catch (refusal) {
      exchange.remove();
      this.composer.refused(refusal);
    } finally {
      this.composer.posting(false);
      this.leaving.posting(false);
    }
  }

  begin(started, message, exchange) {
    if (!this.sessionId) this.enter(started.session_id, message);
    this.messages.addReplies(exchange, started.generations);
    this.follow({
      id: started.turn_id,
      streamUrl: started.stream_url,
      cancelUrl: `/api/v1/turns/${started.turn_id}/cancel`,
    });
  }

  /** A new conversation has its address now, and its place in the list. */
  enter(sessionId, message) {
    this.sessionId = sessionId;
    this.composer.moveTo(sessionId);
    const title = addConversation(sessionId, message);
    this.main.querySelector("#welcome")?.remove();
    const heading = this.main.querySelector("h1");
    heading.textContent = title;
    heading.classList.remove("unseen");
    document.title = document.title.replace(/^.* · /, `${title} · `);
    this.path = `/c/${sessionId}`;
    history.pushState(null, "", this.path);
  }

  follow(turn) {
    this.turn = turn;
    this.leaving.answering(turn.isBound);
    this.composer.running(true);
    this.announce("The answer is being written.");
    const stream = new TurnStream(turn.streamUrl, this.main.dataset);
    let fresh = true; // a stream that begins anew replays from the beginning
    stream.onText = (voice, text) => {
      if (fresh) this.messages.clear();
      fresh = false;
      this.messages.append(voice, text);
    };
    stream.onSnapshot = (generations) => {
      fresh = false;
      this.messages.stand(generations);
    };
    stream.onFailure = (voice, sentence, code) => this.failed(voice, sentence, code);
    stream.onVoiceEnd = (voice, reason) => this.voiceEnded(turn, this.messages.end(voice, reason));
    stream.onLost = (lost) => this.showLost(lost);
    stream.onEnd = () => this.settle(turn, stream);
    stream.start();
  }

  failed(key, sentence, code) {
    const voice = this.messages.fail(key, sentence);
    if (voice && code === "NOT_SAVED") this.leaving.notSaved(voice.article);
  }

  /** One voice of several is done: its saved form need not wait for the others. */
  async voiceEnded(turn, voice) {
    if (!voice) return;
    this.announce(`${voice.name}: ${voice.state.toLowerCase()}.`);
    await new Promise((done) => setTimeout(done, OTHERS_MS));
    if (this.turn !== turn) return;
    try {
      const html = await finishedReply(this.sessionId, turn.id, voice.generationId);
      if (this.turn === turn) this.messages.show(voice, html);
    } catch {
      // It stays as it was typed out, and is put right with the others at the end.
    }
  }

  showLost(lost) {
    this.connection.hidden = !lost;
    this.connection.textContent = lost ? "The connection was lost. Trying again …" : "";
  }

  /** The stream is over: the saved messages take the place of what was shown, unless it was not the end. */
  async settle(turn, stream) {
    let html;
    try {
      html = await finishedTurn(this.sessionId, turn.id);
    } catch (refusal) {
      if (!refusal.isFinal) return stream.retry({ lost: true });
      stream.close();
      return this.leave(refusal);
    }
    if (!this.messages.swap(html, turn.id)) return stream.retry({ lost: false });
    stream.close();
    this.turn = null;
    this.leaving.answered();
    this.showLost(false);
    this.composer.complain("");
    this.composer.running(false);
    this.composer.reprice(this.sessionId);
    this.announce(this.messages.outcome());
    this.resume(); // somebody may have asked further since, in another tab
  }

  leave(refusal) {
    this.turn = null;
    this.leaving.ended();
    this.showLost(false);
    this.messages.settle();
    this.composer.running(false);
    this.composer.refused(refusal);
  }

  async stop() {
    if (!this.turn) return;
    try {
      await cancelTurn(this.turn.cancelUrl);
    } catch (refusal) {
      this.composer.refused(refusal);
    }
  }

  async stopVoice(generationId) {
    try {
      await cancelGeneration(generationId);
    } catch (refusal) {
      this.composer.refused(refusal);
    }
  }

  announce(text) {
    this.announcer.textContent = text;
  }
}
