// The messages of one conversation as a reader holds them: in order, each once, with no hole.
// Draws nothing and knows no address: how to fetch is handed in.
import { signal } from '@preact/signals';
import type { Message, MessagePage } from './api';
import { asProblem, backoff, pause, type Problem } from './http';

export interface Source {
  fetchRun: (query: string) => Promise<MessagePage>;
  /** Told of messages that are new at the end, ascending. */
  onNew?: (messages: Message[]) => void;
  onProblem?: (problem: Problem) => void;
  signal: AbortSignal;
}

export class Thread {
  /** What is held, ascending. */
  readonly messages = signal<Message[]>([]);
  #wanted = 0;
  #fetching = false;

  constructor(readonly source: Source) {}

  /** Number of the last message held, 0 while there is none. */
  get last() {
    return this.messages.value.at(-1)?.seq ?? 0;
  }

  get hasEarlier() {
    return !!this.messages.value[0]?.prevSeq;
  }

  /** Takes the newest messages, ascending, as all that is held. */
  begin(messages: Message[]) {
    this.messages.value = messages;
  }

  /** Takes one message of a stream or of an answer; fetches what is missing before it. */
  receive(message: Message) {
    if (message.seq <= this.last) return;
    if ((message.prevSeq ?? 0) === this.last && !this.#fetching) this.#append([message]);
    else void this.#catchUp(message.seq);
  }

  /** Fetches up to 50 messages before the first one held. */
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

  /** Lets go of all but the last so many: `earlier` brings them back. */
  keepLast(count: number) {
    this.messages.value = this.messages.value.slice(-count);
  }

  #append(messages: Message[]) {
    const fresh = messages.filter(({ seq }) => seq > this.last);
    if (!fresh.length) return;
    this.messages.value = [...this.messages.value, ...fresh];
    this.source.onNew?.(fresh);
  }

  // Fetches on until everything up to `seq` is held; several callers share one fetch at a time.
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
        if (!problem.passing) {
          onProblem?.(problem);
          break;
        }
        await pause(Math.max(problem.retryAfterMs, backoff(failures++)), signal);
      }
    }
    this.#fetching = false;
  }
}
