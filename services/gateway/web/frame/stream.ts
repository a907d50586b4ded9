// One live stream for all tabs of a person on a device: the tab that holds the lock reads it and tells the others,
// and when that tab goes the next takes over from the number it has. Where the browser has no locks or channels, or
// blocks them for a frame of another site, each tab reads a stream of its own.
import { anySignal, attempt, digest, openChannel, withLock } from '../shared/browser';
import { followEvents, type Follow } from '../shared/sse';

// A tab that waits asks so often whether the one that reads is awake, and waits so long for its answer.
const ASK_INTERVAL_MS = 10_000;
const ANSWER_TIMEOUT_MS = 3_000;

export interface SharedStream extends Omit<Follow, 'onEvent' | 'token'> {
  /** What the tabs have in common: the person and what was shown as a proof. */
  key: string;
  token: () => string;
  onEvent: (name: string, data: any) => boolean | void;
}

type Told =
  /** An event of the stream. */
  | { name: string; data: unknown }
  /** A waiting tab asks the reading one whether it is there, and is answered. */
  | { ask: true }
  | { awake: true };

export async function followTogether(url: string, shared: SharedStream) {
  const { key, signal } = shared;
  let channel: BroadcastChannel;
  let name: string;
  try {
    name = `onethread:${await digest(key)}`;
    channel = openChannel(name);
  } catch {
    return follow(url, shared);
  }
  const others = new Others(channel, shared);
  let leads = false;
  try {
    await withLock(name, anySignal(signal, others.stopped.signal), () => {
      leads = true;
      others.lead();
      return follow(url, shared, others);
    });
  } catch (problem) {
    if (signal.aborted || others.over) return;
    if (leads) throw problem;
    return follow(url, shared);
  } finally {
    others.close();
  }
}

function follow(url: string, { token, onEvent, ...rest }: SharedStream, others?: Others) {
  return followEvents(url, {
    ...rest,
    token: token(),
    onEvent(name, data) {
      others?.tell({ name, data });
      return onEvent(name, data);
    },
  });
}

/** The other tabs: heard while waiting for the lock, told once this tab reads the stream. */
class Others {
  /** Fires when there is nothing to wait for any more. */
  readonly stopped = new AbortController();
  /** The stream told that no more is wanted. */
  over = false;
  #waiting = true;
  #answered = false;
  #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly channel: BroadcastChannel,
    { onEvent, onState, signal }: SharedStream,
  ) {
    // A waiting tab is as live as the one that reads.
    onState?.(true);
    channel.onmessage = ({ data: told }: MessageEvent<Told>) => {
      if ('ask' in told) return;
      this.#answered = true;
      if (!('name' in told) || signal.aborted || onEvent(told.name, told.data) !== false) return;
      this.over = true;
      this.stopped.abort();
    };
    this.#ask();
    this.#timer = setInterval(() => this.#ask(), ASK_INTERVAL_MS);
  }

  // A phone puts tabs in the background to sleep, with the lock in their hands: this tab doesn't wait for such a one.
  #ask() {
    if (document.hidden) return;
    this.#answered = false;
    this.tell({ ask: true });
    setTimeout(() => {
      if (this.#waiting && !this.#answered && !document.hidden) this.stopped.abort();
    }, ANSWER_TIMEOUT_MS);
  }

  lead() {
    this.#stopWaiting();
    this.channel.onmessage = ({ data }: MessageEvent<Told>) => {
      if ('ask' in data) this.tell({ awake: true });
    };
  }

  tell(told: Told) {
    attempt(() => this.channel.postMessage(told), undefined);
  }

  close() {
    this.#stopWaiting();
    this.channel.close();
  }

  #stopWaiting() {
    this.#waiting = false;
    clearInterval(this.#timer);
  }
}
