// Server-sent events read with fetch, so that the token is in a header, and followed over reconnects.
import { Problem, backoff, pause, problemOf } from './http.js';

// The server sends a comment every 20 s: a stream that is silent for longer is dead.
const SILENCE_MS = 50_000;
// A stream that lived so long was a good one: the next failure counts as the first.
const GOOD_MS = 10_000;
const LONGEST_EVENT = 4 * 1024 * 1024;

/** Takes text as it comes and hands on whole events as `{name, data, id}`; `id` is undefined where none came. */
export function eventParser(onEvent) {
  let rest = '';
  let event = { name: 'message', data: [], id: undefined };
  const line = (text) => {
    if (text === '') {
      if (event.data.length) onEvent({ ...event, data: event.data.join('\n') });
      event = { name: 'message', data: [], id: undefined };
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') event.data.push(value);
    else if (field === 'event') event.name = value;
    else if (field === 'id') event.id = value;
  };
  return (chunk) => {
    // A CR at the very end may be the first half of a CRLF: it waits for the next chunk.
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    if (rest.length > LONGEST_EVENT) throw new Error('an event without an end');
    lines.forEach(line);
  };
}

/**
 * Follows a stream until the signal fires, `onEvent(name, json, id)` returns false, or the server
 * answers 401, which is thrown as a Problem. Everything else is tried again.
 * `lastEventId()` says where to go on; `onState(live)` tells when the stream stands and falls.
 */
export async function followEvents(url, { token, lastEventId, onEvent, onState = () => {}, signal }) {
  let failures = 0;
  while (!signal.aborted) {
    const began = Date.now();
    let wait;
    try {
      const stopped = await readStream(url, { token, id: lastEventId?.(), onEvent, onState, signal });
      if (stopped) return;
    } catch (problem) {
      if (problem.status === 401) throw problem;
      wait = problem.retryAfterMs;
    }
    if (signal.aborted) return;
    onState(false);
    failures = Date.now() - began > GOOD_MS ? 0 : failures + 1;
    await pause(Math.max(wait ?? 0, backoff(failures)), signal);
  }
}

// One connection. Answers true when onEvent wanted no more, false when the stream ended.
async function readStream(url, { token, id, onEvent, onState, signal }) {
  const connection = new AbortController();
  const abort = () => connection.abort();
  signal.addEventListener('abort', abort);
  let timer = setTimeout(abort, SILENCE_MS);
  try {
    const headers = { Accept: 'text/event-stream' };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (id !== undefined) headers['Last-Event-ID'] = String(id);
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
    const feed = eventParser(({ name, data, id: eventId }) => {
      if (!stopped && !signal.aborted) stopped = onEvent(name, JSON.parse(data), eventId) === false;
    });
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    while (!stopped) {
      const { done, value } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_MS);
      feed(decoder.decode(value, { stream: true }));
    }
    return true;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    connection.abort();
  }
}
