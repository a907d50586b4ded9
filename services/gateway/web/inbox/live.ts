// The agents' event stream: the inbox reads one and dispatches its events to listeners.
import { signal } from '@preact/signals';
import { followEvents } from '../shared/sse';
import { life, loggedOut } from './login';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the type depends on the name
type Listener = (data: any) => void;
const listeners = new Map<string, Set<Listener>>();

export const connected = signal(true);

/** Listens to events of a name; returns how to stop. After `reload` events may be missing: fetch everything again. */
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
    if (!signal.aborted) loggedOut('Your session has ended. Log in again to continue.');
  }
}
