// Server-Sent Events out of the bytes of a `fetch`, by the book: WHATWG HTML, section 9.2.6,
// https://html.spec.whatwg.org/multipage/server-sent-events.html. It needs nothing else: copy it.

/** Bytes in, events out, wherever the bytes were cut. What EventSource holds between events is held here. */
export class EventStreamParser {
  retryMs = null; // what `retry:` asked for, if it did
  #decoder = new TextDecoder(); // drops a byte order mark at the start, waits for the rest of a character at the end
  #rest = ""; // of a line whose end has not come
  #afterCR = false; // a LF that comes next belongs to the line end before it
  #id;
  #type = "";
  #data = [];

  /** `lastEventId` is the position that the stream was asked to go on from. */
  constructor(lastEventId = "") {
    this.lastEventId = this.#id = lastEventId;
  }

  /** The events that are whole now, in order: `{ type, data, lastEventId }`. One that never gets its empty line is
   * none. */
  push(bytes) {
    const text = this.#decoder.decode(bytes, { stream: true });
    const events = [];
    let start = 0;
    if (this.#afterCR && text !== "") {
      this.#afterCR = false;
      if (text[0] === "\n") start = 1;
    }
    for (let at = start; at < text.length; at += 1) {
      if (text[at] !== "\n" && text[at] !== "\r") continue;
      const line = this.#rest + text.slice(start, at);
      this.#rest = "";
      if (text[at] === "\r") {
        if (at + 1 === text.length) this.#afterCR = true;
        else if (text[at + 1] === "\n") at += 1;
      }
      start = at + 1;
      if (line === "") this.#dispatch(events);
      else this.#take(line);
    }
    this.#rest += text.slice(start);
    return events;
  }

  #take(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(events) {
    this.lastEventId = this.#id; // also where there is no data: an id alone is a position
    if (this.#data.length > 0) {
      const data = this.#data.join("\n");
      events.push({ type: this.#type || "message", data, lastEventId: this.lastEventId });
    }
    this.#type = "";
    this.#data = [];
  }
}

/** The events of an answer of `fetch`, as they come. Leaving the loop closes the connection. */
export async function* eventsOf(response, parser = new EventStreamParser()) {
  const reader = response.body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield* parser.push(read.value);
  } finally {
    reader.cancel().catch(() => {}); // it may have broken already
  }
}
