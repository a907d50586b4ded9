// One live stream for all tabs of a user on a device. The tab that holds the lock reads the stream and forwards its
// events to the others. When that tab closes, another one takes over after the last event that it received. Where the
// browser has no locks or channels, or blocks them for frames of other sites, each tab reads its own stream.
import { anySignal, attempt, digest, openChannel, withLock } from '../shared/browser';
import { followEvents, type Follow } from '../shared/sse';

// How often a waiting tab checks that the reading tab is alive, and how long it waits for the answer.
const PING_INTERVAL_MS = 10_000;
const ANSWER_TIMEOUT_MS = 3_000;

export interface SharedStream extends Omit<Follow, 'onEvent' | 'token'> {
  /** Tabs with the same key share a stream: the user and the proof of their identity. */
  key: string;
  token: () => string;
  onEvent: (name: string, data: any) => boolean | void;
}

type TabMessage =
  /** An event of the stream. */
  | { name: string; data: unknown }
  /** A waiting tab checks that the reading tab is alive. */
  | { ping: true }
  | { pong: true };

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
  const others = new OtherTabs(channel, shared);
  let reads = false;
  try {
    await withLock(name, anySignal(signal, others.stopped.signal), () => {
      reads = true;
      others.startReading();
      return follow(url, shared, others);
    });
  } catch (problem) {
    if (signal.aborted || others.over) return;
    if (reads) throw problem;
    return follow(url, shared);
  } finally {
    others.close();
  }
}

function follow(url: string, { token, onEvent, ...rest }: SharedStream, others?: OtherTabs) {
  return followEvents(url, {
    ...rest,
    token: token(),
    onEvent(name, data) {
      others?.send({ name, data });
      return onEvent(name, data);
    },
  });
}

/** The other tabs: they send the events while this tab waits for the lock, and receive them once it reads the stream. */
class OtherTabs {
  /** Fires when this tab stops waiting for the lock. */
  readonly stopped = new AbortController();
  /** `onEvent` answered false: the stream is over. */
  over = false;
  #waiting = true;
  #answered = false;
  #timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly channel: BroadcastChannel,
    { onEvent, onState, signal }: SharedStream,
  ) {
    // A waiting tab receives the same events as the reading one.
    onState?.(true);
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if ('ping' in data) return;
      this.#answered = true;
      if (!('name' in data) || signal.aborted || onEvent(data.name, data.data) !== false) return;
      this.over = true;
      this.stopped.abort();
    };
    this.#ping();
    this.#timer = setInterval(() => this.#ping(), PING_INTERVAL_MS);
  }

  // Phones suspend background tabs that still hold the lock. This tab doesn't wait for a suspended one.
  #ping() {
    if (document.hidden) return;
    this.#answered = false;
    this.send({ ping: true });
    setTimeout(() => {
      if (this.#waiting && !this.#answered && !document.hidden) this.stopped.abort();
    }, ANSWER_TIMEOUT_MS);
  }

  startReading() {
    this.#stopWaiting();
    this.channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if ('ping' in data) this.send({ pong: true });
    };
  }

  send(message: TabMessage) {
    attempt(() => this.channel.postMessage(message), undefined);
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
