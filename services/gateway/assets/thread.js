// The messages of one conversation as a reader holds them: in order, each once, with no hole.
// Draws nothing and knows no address: how to fetch and what to do with a message is handed in.
import { backoff, pause } from './http.js';

/**
 * `fetchRun(query)` answers `{items, lastSeq}`; `onMessages(messages)` gets new ones, ascending.
 * The thread stops when `signal` fires.
 */
export class Thread {
  #fetchRun;
  #onMessages;
  #onProblem;
  #signal;
  #wanted = 0;
  #fetching = false;

  constructor({ fetchRun, onMessages, onProblem = () => {}, signal }) {
    this.#fetchRun = fetchRun;
    this.#onMessages = onMessages;
    this.#onProblem = onProblem;
    this.#signal = signal;
    /** Number of the last message held, 0 while there is none. */
    this.last = 0;
    /** The first message held; earlier ones exist when its `prevSeq` isn't 0. */
    this.first = null;
  }

  /** Takes the newest messages, ascending, as the beginning. */
  begin(messages) {
    this.last = 0;
    this.first = null;
    this.#append(messages);
  }

  /** Takes one message of a stream or of an answer. Fetches what is missing before it. */
  receive(message) {
    if (message.seq <= this.last) return;
    if ((message.prevSeq || 0) === this.last && !this.#fetching) this.#append([message]);
    else this.#catchUp(message.seq);
  }

  get hasEarlier() {
    return Boolean(this.first && this.first.prevSeq);
  }

  /** Fetches the messages before the first one held, ascending. */
  async earlier() {
    const { items } = await this.#fetchRun(`?beforeSeq=${this.first.seq}&limit=50`);
    if (items.length) this.first = items[0];
    return items;
  }

  #append(messages) {
    const fresh = messages.filter((message) => message.seq > this.last);
    if (!fresh.length) return;
    this.first ||= fresh[0];
    this.last = fresh[fresh.length - 1].seq;
    this.#onMessages(fresh);
  }

  // Fetches on until everything up to `seq` is held; several callers share one fetch at a time.
  async #catchUp(seq) {
    this.#wanted = Math.max(this.#wanted, seq);
    if (this.#fetching) return;
    this.#fetching = true;
    let failures = 0;
    while (this.last < this.#wanted && !this.#signal.aborted) {
      try {
        const { items } = await this.#fetchRun(`?afterSeq=${this.last}&limit=200`);
        if (this.#signal.aborted) break;
        if (!items.length) break;
        this.#append(items);
        failures = 0;
      } catch (problem) {
        if (!problem.passing) {
          this.#onProblem(problem);
          break;
        }
        await pause(Math.max(problem.retryAfterMs ?? 0, backoff(failures++)), this.#signal);
      }
    }
    this.#fetching = false;
  }
}
