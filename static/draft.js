// What was written and not sent, kept per conversation for as long as the tab lives.

export class Draft {
  constructor(sessionId) {
    this.key = `draft:${sessionId ?? "new"}`;
  }

  read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null; // storage is off, or somebody else's: there is no draft then
    }
  }

  /** `voices` are the keys of those that were ticked, where that is another choice than the server's. */
  write(message, id, voices) {
    if (!message && !voices) return this.forget();
    this.tryTo(() => sessionStorage.setItem(this.key, JSON.stringify({ message, id, voices })));
  }

  forget() {
    this.tryTo(() => sessionStorage.removeItem(this.key));
  }

  tryTo(action) {
    try {
      action();
    } catch {
      // Storage is off or full: the text is still in the composer, and only a reload would lose it.
    }
  }
}

/** A fresh clientMessageId. (`crypto.randomUUID` is missing on plain HTTP.) */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
