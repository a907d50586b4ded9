// Whether the chat is connected, by the browser's online state and the outcome of the last call.
import { signal } from '@preact/signals';
import { asProblem } from '../shared/http';

/** The browser's online state. */
export const online = signal(navigator.onLine);
/** The last call got no answer. */
export const unreachable = signal(false);

const update = () => void (online.value = navigator.onLine);
addEventListener('online', update);
addEventListener('offline', update);

/** Runs a call and records in `unreachable` whether it was answered. */
export async function tracked<T>(call: Promise<T>): Promise<T> {
  try {
    const answer = await call;
    unreachable.value = false;
    return answer;
  } catch (thrown) {
    unreachable.value = asProblem(thrown).status === 0;
    throw thrown;
  }
}
