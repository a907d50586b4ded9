// The agents' stream: one for the whole inbox, told to whoever asked.
import { signal } from '@preact/signals';
import { followEvents } from '../shared/sse';
import { life, loggedOut } from './login';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the type depends on the name
type Listener = (data: any) => void;
const listeners = new Map<string, Set<Listener>>();

export const connected = signal(true);

/** Hears events of a name until the answer is called. `reload` says that something was left out: fetch anew. */
export function on(name: string, listener: Listener) {
  const set = listeners.get(name) ?? new Set();
  listeners.set(name, set.add(listener));
  return () => void set.delete(listener);
}

export async function follow() {
  const { signal } = life;
  try {
    await followEvents('/v1/events', {
      onEvent: (name, data) => listeners.get(name)?.forEach((listener) => listener(data)),
      onState: (live) => (connected.value = live),
      signal,
    });
  } catch {
    if (!signal.aborted) loggedOut('Please log in again.');
  }
}
