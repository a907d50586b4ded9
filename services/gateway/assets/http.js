// Calls of the JSON API as both pages make them, and the waits between attempts. Knows no page.

/** An answer that wasn't a success; `status` is 0 when there was no answer at all. */
export class Problem extends Error {
  constructor(status, body, retryAfterMs) {
    super((body && (body.detail || body.title)) || (status ? `The server answered ${status}.` : 'The server could not be reached.'));
    this.status = status;
    this.body = body || {};
    this.retryAfterMs = retryAfterMs;
  }

  /** True when the same call may well succeed later. */
  get passing() {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500;
  }

  /** The errors of the body as `[name, detail]`, for those whose pointer is `<root>/<name>`; null stands for all others. */
  fieldErrors(root) {
    return (this.body.errors || []).map(({ pointer = '', detail = '' }) => [
      pointer.startsWith(`${root}/`)
        ? pointer.slice(root.length + 1).replaceAll('~1', '/').replaceAll('~0', '~')
        : null,
      detail,
    ]);
  }
}

/** Reads the problem in an answer that isn't a success. */
export async function problemOf(answer) {
  const seconds = Number(answer.headers.get('retry-after'));
  const body = await answer.json().catch(() => null);
  return new Problem(answer.status, body, seconds > 0 ? Math.min(seconds, 60) * 1000 : undefined);
}

/**
 * One call. Answers the JSON body, or undefined where there is none; throws a Problem otherwise.
 * `token` goes into a header and then no cookie is sent; `file` is sent as it is instead of JSON.
 */
export async function request(method, path, { token, body, file, headers = {}, seconds = 15 } = {}) {
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: all,
      body: file || (body === undefined ? undefined : JSON.stringify(body)),
      credentials: token === undefined ? 'same-origin' : 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(seconds * 1000),
    });
    if (answer.ok) return answer.status === 204 ? undefined : await answer.json();
  } catch {
    throw new Problem(0);
  }
  throw await problemOf(answer);
}

/** Milliseconds to wait after `failures` failures in a row: doubling from 0.5 s to 30 s, the upper half of it by chance. */
export function backoff(failures) {
  const whole = Math.min(30_000, 500 * 2 ** Math.min(failures, 10));
  return whole / 2 + (whole / 2) * Math.random();
}

/** Waits; ends early when the signal fires or the network comes back. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}

/** A random UUID, also where the page isn't a secure context and `crypto.randomUUID` is missing. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
