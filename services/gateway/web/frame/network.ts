// Whether the chat is connected: what the browser says, and what calls meet.
import { signal } from '@preact/signals';
import { asProblem } from '../shared/http';

/** The browser knows of a network. */
export const online = signal(navigator.onLine);
/** The last call got no answer. */
export const unreachable = signal(false);

const look = () => void (online.value = navigator.onLine);
addEventListener('online', look);
addEventListener('offline', look);

/** Watches a call for whether it got an answer. */
export async function watched<T>(call: Promise<T>): Promise<T> {
  try {
    const answer = await call;
    unreachable.value = false;
    return answer;
  } catch (thrown) {
    unreachable.value = asProblem(thrown).status === 0;
    throw thrown;
  }
}
