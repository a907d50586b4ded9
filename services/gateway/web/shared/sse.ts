// Reads server-sent events with fetch, which can send the token in a header, and reconnects.
import { Problem, backoff, pause, problemOf } from './http';

// The server sends a comment every 20 s: a stream that is silent for longer is dead.
const SILENCE_TIMEOUT_MS = 50_000;
// After a connection of at least this duration the backoff starts from its minimum.
const STABLE_MS = 10_000;
const MAX_EVENT_LENGTH = 4 * 1024 * 1024;

interface StreamEvent {
  name: string;
  data: string;
}

/** Parses chunks of text and calls `onEvent` for each complete event. */
export function eventParser(onEvent: (event: StreamEvent) => void) {
  let rest = '';
  let name = 'message';
  let data: string[] = [];
  const line = (text: string) => {
    if (text === '') {
      if (data.length) onEvent({ name, data: data.join('\n') });
      name = 'message';
      data = [];
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') name = value;
  };
  return (chunk: string) => {
    // A CR at the end of a chunk may be the first half of a CRLF, so it is parsed with the next chunk.
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    if (rest.length > MAX_EVENT_LENGTH) throw new Error('an event without an end');
    lines.forEach(line);
  };
}

export interface Follow {
  token?: string;
  /** Where to resume: `seq` of the last loaded message. */
  lastEventId?: () => number;
  /** Returns false to stop following. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the type depends on the name
  onEvent: (name: string, data: any) => boolean | void;
  /** Called with true when the stream is connected and with false when the connection is lost. */
  onState?: (live: boolean) => void;
  signal: AbortSignal;
}

/**
 * Follows a stream until the signal fires, `onEvent` returns false, or the server answers 401 or 403, which is
 * thrown as a Problem. All other failures are retried.
 */
export async function followEvents(url: string, follow: Follow) {
  const { signal, onState = () => {} } = follow;
  let failures = 0;
  while (!signal.aborted) {
    const began = Date.now();
    let wait = 0;
    try {
      if (await readStream(url, follow, onState)) return;
    } catch (problem) {
      if (problem instanceof Problem) {
        if (problem.status === 401 || problem.status === 403) throw problem;
        wait = problem.retryAfterMs;
      }
    }
    if (signal.aborted) return;
    onState(false);
    failures = Date.now() - began > STABLE_MS ? 0 : failures + 1;
    await pause(Math.max(wait, backoff(failures)), signal);
  }
}

// One connection. Returns true if onEvent returned false, and false if the stream ended.
async function readStream(
  url: string,
  { token, lastEventId, onEvent, signal }: Follow,
  onState: (live: boolean) => void,
) {
  const connection = new AbortController();
  const abort = () => connection.abort();
  signal.addEventListener('abort', abort);
  let timer = setTimeout(abort, SILENCE_TIMEOUT_MS);
  try {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (lastEventId) headers['Last-Event-ID'] = String(lastEventId());
    const answer = await fetch(url, {
      headers,
      credentials: token === undefined ? 'same-origin' : 'omit',
      cache: 'no-store',
      signal: connection.signal,
    });
    if (!answer.ok) throw await problemOf(answer);
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) throw new Problem(0);
    onState(true);
    let stopped = false;
    const feed = eventParser(({ name, data }) => {
      if (!stopped && !signal.aborted) stopped = onEvent(name, JSON.parse(data)) === false;
    });
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    while (!stopped) {
      const { done, value } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_TIMEOUT_MS);
      feed(decoder.decode(value, { stream: true }));
    }
    return true;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    connection.abort();
  }
}
