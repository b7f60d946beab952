// Sending a message once, and following its answer to the end over as many connections as it takes.
// Needs event-stream.js beside it, and nothing else: copy both.

import { EventStreamParser } from "./event-stream.js";

const PAUSE_MS = 1000; // before the first new attempt, until `retry:` says something else; doubled each time
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1; // 24 days; a longer one would be over at once
const AGAIN = new Set([408, 429, 502, 503, 504]); // may be well in a while; any other refusal stays one

/** The server said no, and will say it again. `code` is one of docs/api.md's; TURN_RUNNING and MESSAGE_ID_REUSED are
 * those with status 409. */
export class Refused extends Error {
  constructor(status, { code = `HTTP_${status}`, message = `Refused with status ${status}.`, request_id: id } = {}) {
    super(message);
    Object.assign(this, { name: "Refused", status, code, requestId: id });
  }
}

/**
 * Sends a message and answers what `POST /api/v1/turns` answers. It is posted once, however often it has to be tried:
 * every attempt carries the same key.
 *
 *   const turn = await startTurn(base, { message: "Hello" }, { headers });
 *
 * Options, here and in `follow`: `headers`, a function that gives them (it may be async; its argument says whether the
 * last ones were refused with 401, so that it can bring a new token), `credentials` as in `fetch`, `signal`, and
 * `fetch` itself, where another one is to be used.
 */
export async function startTurn(base, body, { key = crypto.randomUUID(), ...options } = {}) {
  const patience = new Patience(options.signal);
  const init = { method: "POST", body: JSON.stringify(body) };
  const extra = { "Content-Type": "application/json", "Idempotency-Key": key };
  for (const access = new Access(options); ; ) {
    const line = new Line(options);
    const response = await line.open(`${base}/api/v1/turns`, init, { ...(await access.headers()), ...extra });
    const told = await line.json();
    line.close();
    if (response?.ok && told) return told;
    // An answer that says yes and is cut off says nothing of the turn; the key makes the next attempt safe.
    if (!access.maybe(response) && !(response?.ok && isOf(response, "application/json"))) throwIfFinal(response, told);
    await patience.wait(response);
  }
}

/**
 * Follows a stream to its end and gives an `Answer`: `text`, `texts` by voice, `finishReason`, `failure`.
 *
 *   const answer = await follow(base + turn.stream_url, { headers, onAnswer: ({ text }) => show(text) });
 *
 * Further options: `onAnswer(answer, event)` after every event, `onLost(isLost)`, `lastEventId` to go on from, and
 * `silenceMs`, after which a line is taken for dead; the server's heartbeats, 10 s apart unless it was told otherwise,
 * keep a living one from being silent.
 */
export async function follow(address, { onAnswer = () => {}, onLost = () => {}, lastEventId = "", ...options } = {}) {
  const answer = new Answer(lastEventId);
  const patience = new Patience(options.signal);
  for (const access = new Access(options); ; ) {
    const line = new Line(options);
    try {
      const response = await line.open(address, {}, { ...(await access.headers()), ...answer.position });
      if (response?.status === 204) return answer; // nothing comes after that position
      if (response?.status === 200 && isOf(response, "text/event-stream")) {
        access.worked();
        onLost(false);
        if (await readLine(line, answer, patience, onAnswer)) return answer;
      } else if (!access.maybe(response)) {
        throwIfFinal(response, await line.json());
      }
      onLost(true);
      await patience.wait(response);
    } finally {
      line.close();
    }
  }
}

function isOf(response, type) {
  return (response.headers.get("Content-Type") ?? "").startsWith(type);
}

/** Whether the answer has come to its end on this line. */
async function readLine(line, answer, patience, onAnswer) {
  const parser = new EventStreamParser(answer.lastEventId);
  for (let bytes = await line.read(); bytes; bytes = await line.read()) {
    for (const event of parser.push(bytes)) {
      patience.failures = 0;
      answer.take(event);
      onAnswer(answer, event);
      if (event.type === "done") return true;
    }
    patience.retryMs = parser.retryMs ?? patience.retryMs;
    answer.lastEventId = parser.lastEventId;
  }
  return false;
}

/** What a reader has put together. */
export class Answer {
  texts = {};
  finishReason = null;
  failure = null;
  #voice = ""; // of tokens that name none, because one voice answers alone

  constructor(lastEventId) {
    this.lastEventId = lastEventId;
  }

  get text() {
    return Object.values(this.texts).join("\n\n");
  }

  get position() {
    return this.lastEventId ? { "Last-Event-ID": this.lastEventId } : {};
  }

  take({ type, data, lastEventId }) {
    this.lastEventId = lastEventId;
    if (!["token", "snapshot", "failure", "done"].includes(type)) return; // there may be others one day
    const told = JSON.parse(data);
    if (type === "token") {
      const voice = told.voice ?? this.#voice;
      this.texts[voice] = (this.texts[voice] ?? "") + told.text;
    } else if (type === "snapshot") {
      this.texts = Object.fromEntries(told.generations.map(({ voice, text }) => [voice, text]));
      this.#voice = told.generations.length === 1 ? told.generations[0].voice : "";
    } else if (type === "failure") this.failure = told;
    else this.finishReason = told.finish_reason;
  }
}

/** One connection. Whatever breaks it, `open` and `read` answer null; only the caller's `signal` makes them throw. */
class Line {
  #controller = new AbortController();
  #reader = null;
  #response = null;

  constructor({ signal, silenceMs = 30_000, credentials = "same-origin", fetch = globalThis.fetch }) {
    signal?.throwIfAborted();
    Object.assign(this, { signal, silenceMs, credentials, ask: (...given) => fetch(...given) });
    this.leave = () => this.close();
    signal?.addEventListener("abort", this.leave);
  }

  open(address, init, headers) {
    const { signal } = this.#controller;
    return this.#within(async () => {
      const given = { ...init, headers, credentials: this.credentials, cache: "no-store", signal };
      this.#response = await this.ask(address, given);
      return this.#response;
    });
  }

  /** The next bytes; null when there are no more. */
  read() {
    this.#reader ??= this.#response.body.getReader();
    return this.#within(async () => (await this.#reader.read()).value ?? null);
  }

  /** The whole body; null when it is no JSON, or did not come. */
  json() {
    return this.#within(async () => (await this.#response?.json()) ?? null);
  }

  async #within(what) {
    const dead = setTimeout(() => this.#controller.abort(), this.silenceMs);
    try {
      return await what();
    } catch {
      this.signal?.throwIfAborted();
      return null;
    } finally {
      clearTimeout(dead);
    }
  }

  close() {
    this.signal?.removeEventListener("abort", this.leave);
    this.#controller.abort();
  }
}

/** The headers that say who asks. After a 401 they are asked for once more; the second 401 in a row is one. */
class Access {
  #wasRefused = false;

  constructor({ headers = () => ({}) }) {
    this.headers = async () => headers(this.#wasRefused);
  }

  maybe(response) {
    const again = response?.status === 401 && !this.#wasRefused;
    this.#wasRefused = response?.status === 401;
    return again;
  }

  worked() {
    this.#wasRefused = false;
  }
}

function throwIfFinal(response, told) {
  if (response && !AGAIN.has(response.status)) throw new Refused(response.status, told ?? {});
}

/** How long to wait for the next attempt: longer each time, not at the same moment as everybody else, and never less
 * than `Retry-After` asks for. */
class Patience {
  failures = 0;
  retryMs = PAUSE_MS;

  constructor(signal) {
    this.signal = signal;
  }

  async wait(response) {
    if (response?.status === 401) return; // with other headers, at once
    const pause = Math.min(LONGEST_PAUSE_MS, this.retryMs * 2 ** this.failures) * (0.5 + Math.random() / 2);
    const asked = Number(response?.headers.get("Retry-After") ?? 0) * 1000 || 0;
    this.failures += 1;
    await sleep(Math.min(Math.max(pause, asked), LONGEST_TIMER_MS), this.signal);
  }
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, ms);
    signal?.addEventListener("abort", leave);
  });
}
