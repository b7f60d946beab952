// One EventSource on one turn. It reconnects by itself and sends its position; `onEnd` comes exactly once.

const PATIENCE_MS = 1000;

export class TurnStream {
  onText = () => {};
  onSnapshot = () => {};
  onFailure = () => {};
  onLost = () => {};
  onEnd = () => {};

  constructor(url) {
    this.source = new EventSource(url);
    this.listen("token", ({ voice, text }) => this.onText(voice, text));
    this.listen("snapshot", ({ generations }) => this.onSnapshot(generations));
    this.listen("failure", ({ voice, message }) => this.onFailure(voice, message));
    this.listen("heartbeat", () => {});
    this.listen("usage", () => {});
    this.listen("done", () => this.end());
    this.source.addEventListener("open", () => this.found());
    this.source.addEventListener("error", () => this.lost());
  }

  listen(event, take) {
    this.source.addEventListener(event, ({ data }) => {
      this.found();
      take(JSON.parse(data));
    });
  }

  found() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.onLost(false);
  }

  lost() {
    if (this.source.readyState === EventSource.CLOSED) this.end(); // it was answered, and not with a stream
    else this.timer ??= setTimeout(() => this.onLost(true), PATIENCE_MS);
  }

  end() {
    clearTimeout(this.timer);
    this.source.close();
    this.onEnd();
  }
}
