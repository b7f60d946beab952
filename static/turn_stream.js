// The events of one turn, to its end.

import { Line } from "./line.js";

const EVENTS = ["token", "snapshot", "failure", "heartbeat", "usage", "voice_done", "done"];

export class TurnStream {
  onText = () => {};
  onSnapshot = () => {};
  onFailure = () => {};
  onVoiceEnd = () => {}; // one voice of several
  onLost = () => {};
  onEnd = () => {}; // it looks like the end: then either `retry` or `close`

  constructor(url, limits) {
    this.line = new Line(url, EVENTS, (name, data) => this.take(name, data), limits);
    this.line.onLost = (lost) => this.onLost(lost);
    this.line.onRefused = () => this.onEnd();
  }

  start() {
    this.line.start();
  }

  take(name, data) {
    if (name === "token") this.onText(data.voice, data.text);
    else if (name === "snapshot") this.onSnapshot(data.generations);
    else if (name === "failure") this.onFailure(data.voice, data.message, data.code);
    else if (name === "voice_done") this.onVoiceEnd(data.voice, data.finish_reason);
    else if (name === "done") this.end();
  }

  end() {
    this.line.drop();
    this.onEnd();
  }

  /** Goes on after what was not the end; `lost` says that the server could not be reached. */
  retry({ lost }) {
    this.line.retry({ lost });
  }

  close() {
    this.line.close();
  }
}
