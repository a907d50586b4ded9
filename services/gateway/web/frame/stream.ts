// One live stream for all tabs of a person on a device: the tab that holds the lock reads it and tells the others,
// and when that tab goes the next takes over from the number it has. Where the browser has no locks or channels, or
// blocks them for a frame of another site, each tab reads a stream of its own.
import { anySignal, attempt, digest, openChannel, withLock } from '../shared/browser';
import { followEvents, type Follow } from '../shared/sse';

// The stream brings at least a comment every 20 s. A tab that hears nothing for longer waits for one that sleeps.
const SILENCE_MS = 60_000;
const CHECK_INTERVAL_MS = 10_000;

export interface SharedStream extends Omit<Follow, 'onEvent' | 'token'> {
  /** What the tabs have in common: the person and what was shown as a proof. */
  key: string;
  token: () => string;
  onEvent: (name: string, data: any) => boolean | void;
}

interface Told {
  /** Absent: the stream is alive. */
  name?: string;
  data?: unknown;
}

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
    if (leads) throw problem;
    if (!signal.aborted && !others.over) return follow(url, shared);
  } finally {
    others.close();
  }
}

function follow(url: string, { token, onEvent, ...rest }: SharedStream, others?: Others) {
  return followEvents(url, {
    ...rest,
    token: token(),
    onData: () => others?.tell({}),
    onEvent(name, data) {
      others?.tell({ name, data });
      return onEvent(name, data);
    },
  });
}

/** The other tabs: heard while waiting for the lock, told once this tab leads. */
class Others {
  /** Fires when there is nothing to wait for any more. */
  readonly stopped = new AbortController();
  /** The stream told that no more is wanted. */
  over = false;
  #heardAt = Date.now();
  #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly channel: BroadcastChannel,
    { onEvent, onState, signal }: SharedStream,
  ) {
    // A waiting tab is as live as the one that reads.
    onState?.(true);
    channel.onmessage = ({ data: { name, data } }: MessageEvent<Told>) => {
      this.#heardAt = Date.now();
      if (!name || signal.aborted || onEvent(name, data) !== false) return;
      this.over = true;
      this.stopped.abort();
    };
    // A phone puts tabs in the background to sleep, with the lock in their hands.
    this.#timer = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE_MS && !document.hidden) this.stopped.abort();
    }, CHECK_INTERVAL_MS);
  }

  lead() {
    clearInterval(this.#timer);
    this.channel.onmessage = null;
  }

  tell(told: Told) {
    attempt(() => this.channel.postMessage(told), undefined);
  }

  close() {
    clearInterval(this.#timer);
    this.channel.close();
  }
}
