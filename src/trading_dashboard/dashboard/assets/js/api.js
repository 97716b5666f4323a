// Requests to our own origin: reads, and changes with the session's CSRF value.

let csrf = null;

class ApiError extends Error {
  constructor(status, error) {
    const next = error?.next_step ? ` ${error.next_step}` : '';
    super(`${error?.message ?? `The request failed (${status}).`}${next}`);
    this.status = status;
    this.code = error?.code ?? null;
    this.details = error?.details ?? [];
    this.observed = error?.observed ?? null;
    this.error = error ?? null;
  }
}

/** GET; resolves to the body, rejects with ApiError or (no connection) TypeError. */
export async function get(path, { signal } = {}) {
  const answer = await fetch(path, { signal, headers: { accept: 'application/json' } });
  return body(answer);
}

/** GET of what is no JSON, such as a CSV. */
export async function getText(path, { signal } = {}) {
  const answer = await fetch(path, { signal });
  if (!answer.ok) await body(answer);
  return answer.text();
}

/** POST as the person at the desk. */
export function post(path, content = {}, { signal } = {}) {
  return change('POST', path, JSON.stringify(content), { signal });
}

/** PUT as the person at the desk. */
export function put(path, content = {}) {
  return change('PUT', path, JSON.stringify(content));
}

/** POST a file's text as it is; `type` such as text/csv. */
export function postText(path, text, type) {
  return change('POST', path, text, { type });
}

/** DELETE as the person at the desk. */
export function remove(path) {
  return change('DELETE', path, '{}');
}

async function change(method, path, content, options = {}) {
  let answer = await send(method, path, content, options);
  if (answer.status === 403) {
    csrf = null;
    answer = await send(method, path, content, options);
  }
  return body(answer);
}

async function send(method, path, content, { signal, type = 'application/json' }) {
  csrf ??= (await get('/api/session', { signal })).csrf;
  return fetch(path, {
    method,
    signal,
    headers: { 'content-type': type, 'x-csrf-token': csrf },
    body: content,
  });
}

async function body(answer) {
  let content = null;
  try {
    content = await answer.json();
  } catch {
    // An empty or foreign body; the status says enough.
  }
  if (!answer.ok) throw new ApiError(answer.status, content?.error);
  return content;
}

export function words(error) {
  if (error instanceof ApiError) return error.message;
  if (error?.name === 'TimeoutError') return 'No answer in time.';
  return 'The dashboard does not answer. Is the desk still running?';
}

/** A symbol in a path; a slash within it stays one ("BTC/USDT"): the gateway forwards plain paths only. */
export function symbolInPath(symbol) {
  return symbol.split('/').map(encodeURIComponent).join('/');
}
