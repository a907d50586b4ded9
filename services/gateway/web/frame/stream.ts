// One live stream for all tabs of a person on a device: the tab that holds the lock reads it and tells the others,
// and when that tab goes the next takes over from the number it has.
import { followEvents, type Follow } from '../shared/sse';

export interface SharedStream extends Omit<Follow, 'onEvent' | 'token'> {
  /** What the tabs have in common: the person and what was shown as a proof. */
  key: string;
  token: () => string;
  onEvent: (name: string, data: any) => boolean | void;
}

interface Told {
  name: string;
  data: unknown;
}

export async function followTogether(url: string, { key, token, onEvent, onState, lastEventId, signal }: SharedStream) {
  const follow = (told: (name: string, data: unknown) => void) =>
    followEvents(url, {
      token: token(),
      lastEventId,
      signal,
      onState,
      onEvent(name, data) {
        told(name, data);
        return onEvent(name, data);
      },
    });
  // Without a secure context there are no locks: each tab follows by itself.
  if (!navigator.locks || typeof BroadcastChannel === 'undefined') return follow(() => {});
  const name = `onethread:${await digest(key)}`;
  const channel = new BroadcastChannel(name);
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  channel.onmessage = ({ data }: MessageEvent<Told>) => {
    if (!signal.aborted && onEvent(data.name, data.data) === false) stopped.abort();
  };
  // A waiting tab is as live as the one that reads.
  onState?.(true);
  try {
    await navigator.locks.request(name, { signal: either }, async () => {
      channel.onmessage = null;
      await follow((name, data) => channel.postMessage({ name, data } satisfies Told));
    });
  } catch (problem) {
    if (!either.aborted) throw problem;
  } finally {
    channel.close();
  }
}

async function digest(text: string) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
