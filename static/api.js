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

/** Posts a message: {turn_id, session_id, generations, stream_url}. The same clientMessageId never posts twice. */
export function startTurn({ message, sessionId, clientMessageId }) {
  const body = { message, clientMessageId, ...(sessionId && { sessionId }) };
  return post("/api/v1/turns", body);
}

export function cancelTurn(url) {
  return post(url);
}

/** The finished messages of a turn, as HTML from the server's own renderer. */
export async function finishedTurn(sessionId, turnId) {
  const response = await reach(`/c/${sessionId}/turns/${turnId}`, { headers: { Accept: "text/html" } });
  if (response.redirected) throw new Refused("Your session has ended.", { status: 401 });
  if (!response.ok) throw new Refused("The saved answer could not be read.", { status: response.status });
  return response.text();
}

async function post(url, body) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body) headers["Content-Type"] = "application/json";
  const response = await reach(url, { method: "POST", headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.message ?? "The server could not be reached.", { status: response.status, code: answer.code });
  return answer;
}

async function reach(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused("The server cannot be reached. Your message is still here: send it again in a moment.");
  }
}

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
