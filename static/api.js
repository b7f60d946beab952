// What the page asks of the server. Every refusal is a `Refused`, with a sentence that a person can be shown.

export class Refused extends Error {
  constructor(sentence, { status = 0, code = "" } = {}) {
    super(sentence);
    this.status = status; // 0: the server was not reached
    this.code = code;
  }

  get signedOut() {
    return this.status === 401;
  }

  /** Whether asking again will get the same answer: signed out, or gone. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

const KEPT_CONNECTIONS = 6; // that a browser may have to one server
const DRAINING_PAUSE_MS = 300;

/**
 * Posts a message: {turn_id, session_id, generations, stream_url}. The same clientMessageId never posts twice.
 *
 * A process that is about to end takes no message, and closes the connection that led to it: one of the next leads to
 * the process that comes after it.
 */
export async function startTurn({ message, sessionId, clientMessageId, voices = [] }) {
  const body = { message, clientMessageId, ...(sessionId && { sessionId }), ...(voices.length && { voices }) };
  for (let tries = 0; ; tries += 1) {
    try {
      return await post("/api/v1/turns", body, "Your message is still here: send it again in a moment.");
    } catch (refusal) {
      if (refusal.code !== "DRAINING" || tries === KEPT_CONNECTIONS) throw refusal;
    }
    await new Promise((done) => setTimeout(done, DRAINING_PAUSE_MS));
  }
}

export function cancelTurn(url) {
  return post(url, undefined, "The answer was not stopped: try again in a moment.");
}

export function cancelGeneration(id) {
  return post(`/api/v1/generations/${id}/cancel`, undefined, "The voice was not stopped: try again in a moment.");
}

/** The saved exchange that a turn belongs to, as HTML from the server's own renderer. */
export function finishedTurn(sessionId, turnId) {
  return fragment(`/c/${sessionId}/turns/${turnId}`);
}

/** One reply of a turn, which has ended while others go on. */
export function finishedReply(sessionId, turnId, generationId) {
  return fragment(`/c/${sessionId}/turns/${turnId}?reply=${generationId}`);
}

async function fragment(address) {
  const response = await reach(address, { headers: { Accept: "text/html" } });
  if (response.redirected) throw new Refused("Your session has ended.", { status: 401 });
  if (!response.ok) throw new Refused("The saved answer could not be read.", { status: response.status });
  return response.text();
}

/** The choice of voices with what each would cost now, as HTML; null where it cannot be had. */
export async function choiceOfVoices(sessionId) {
  const response = await reach(`/c/${sessionId}/voices`, { headers: { Accept: "text/html" } }).catch(() => null);
  return response?.ok && !response.redirected ? response.text() : null;
}

async function post(url, body, comfort) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body) headers["Content-Type"] = "application/json";
  const response = await reach(url, { method: "POST", headers, body: body && JSON.stringify(body) }, comfort);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.message ?? "The server could not be reached.", { status: response.status, code: answer.code });
  return answer;
}

/** `comfort` is what a person is told beside that there is no way to the server. */
async function reach(url, options, comfort = "Try again in a moment.") {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(`The server cannot be reached. ${comfort}`);
  }
}

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
