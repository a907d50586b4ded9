// The loaded messages of one conversation: in order, without duplicates or gaps. The caller says how to fetch and renders
// the result.
import { signal } from '@preact/signals';
import type { Message, MessagePage } from './api';
import { asProblem, backoff, pause, type Problem } from './http';

export interface Source {
  fetchRun: (query: string) => Promise<MessagePage>;
  /** Called with new messages at the end, ascending. */
  onNew?: (messages: Message[]) => void;
  onProblem?: (problem: Problem) => void;
  signal: AbortSignal;
}

export class Thread {
  /** The loaded messages, ascending. */
  readonly messages = signal<Message[]>([]);
  #wanted = 0;
  #fetching = false;

  constructor(readonly source: Source) {}

  /** `seq` of the last loaded message, 0 if there is none. */
  get last() {
    return this.messages.value.at(-1)?.seq ?? 0;
  }

  get hasEarlier() {
    return !!this.messages.value[0]?.prevSeq;
  }

  /** Replaces the loaded messages with the newest ones, ascending. */
  begin(messages: Message[]) {
    this.messages.value = messages;
  }

  /** Adds a message of the stream or of a response; fetches missing ones before it. */
  receive(message: Message) {
    if (message.seq <= this.last) return;
    if ((message.prevSeq ?? 0) === this.last && !this.#fetching) this.#append([message]);
    else void this.#catchUp(message.seq);
  }

  /** Fetches up to 50 messages before the first loaded one. */
  async earlier() {
    const first = this.messages.value[0];
    if (!first) return;
    const { items } = await this.source
      .fetchRun(`?beforeSeq=${first.seq}&limit=50`)
      .catch((thrown) => {
        throw asProblem(thrown);
      });
    if (this.messages.value[0]?.seq === first.seq)
      this.messages.value = [...items, ...this.messages.value];
  }

  /** Drops all but the last `count` messages; `earlier` loads them again. */
  keepLast(count: number) {
    this.messages.value = this.messages.value.slice(-count);
  }

  #append(messages: Message[]) {
    const fresh = messages.filter(({ seq }) => seq > this.last);
    if (!fresh.length) return;
    this.messages.value = [...this.messages.value, ...fresh];
    this.source.onNew?.(fresh);
  }

  // Fetches until everything up to `seq` is loaded. Concurrent callers share one fetch.
  async #catchUp(seq: number) {
    this.#wanted = Math.max(this.#wanted, seq);
    if (this.#fetching) return;
    this.#fetching = true;
    const { signal, fetchRun, onProblem } = this.source;
    let failures = 0;
    while (this.last < this.#wanted && !signal.aborted) {
      try {
        const { items } = await fetchRun(`?afterSeq=${this.last}&limit=200`);
        if (signal.aborted || !items.length) break;
        this.#append(items);
        failures = 0;
      } catch (thrown) {
        const problem = asProblem(thrown);
        if (!problem.isTemporary) {
          onProblem?.(problem);
          break;
        }
        await pause(Math.max(problem.retryAfterMs, backoff(failures++)), signal);
      }
    }
    this.#fetching = false;
  }
}
