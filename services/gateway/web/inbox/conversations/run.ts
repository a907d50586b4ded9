// A window upon a long thread: the messages near where one looks, without a hole, at most so many.
import { signal } from '@preact/signals';
import type { Message, MessagePage } from '../../shared/api';

const PAGE = 100;
const MOST = 400;

export class Run {
  readonly messages = signal<Message[]>([]);
  /** Whether the newest message is in the window. */
  readonly atEnd = signal(true);
  /** The person said to have read everything up to this number. */
  readonly seenTo = signal(0);
  #busy = false;

  constructor(private readonly fetchRun: (query: string) => Promise<MessagePage>) {}

  get hasEarlier() {
    return !!this.messages.value[0]?.prevSeq;
  }

  get last() {
    return this.messages.value.at(-1)?.seq ?? 0;
  }

  /** Fetches the newest. */
  toEnd() {
    return this.#alone(async () => {
      this.messages.value = (await this.fetchRun(`?limit=${PAGE}`)).items;
      this.atEnd.value = true;
    });
  }

  earlier() {
    const first = this.messages.value[0];
    if (!first?.prevSeq) return;
    return this.#alone(async () => {
      const { items } = await this.fetchRun(`?beforeSeq=${first.seq}&limit=${PAGE}`);
      const all = [...items, ...this.messages.value];
      this.messages.value = all.slice(0, MOST);
      if (all.length > MOST) this.atEnd.value = false;
    });
  }

  later() {
    if (this.atEnd.value) return;
    return this.#alone(() => this.#catchUp());
  }

  /** A message of the stream or of an answer. */
  receive(message: Message) {
    if (message.seq <= this.last || !this.atEnd.value) return;
    if ((message.prevSeq ?? 0) === this.last)
      this.messages.value = [...this.messages.value, message].slice(-MOST);
    else void this.#alone(() => this.#catchUp());
  }

  /** The person read on. */
  seen(seq: number) {
    this.seenTo.value = Math.max(this.seenTo.value, seq);
  }

  async #catchUp() {
    const { items, lastSeq } = await this.fetchRun(`?afterSeq=${this.last}&limit=${PAGE}`);
    this.messages.value = [...this.messages.value, ...items].slice(-MOST);
    this.atEnd.value = !items.length || this.last >= lastSeq;
  }

  // One fetch at a time: each goes on from what the one before it left.
  async #alone(step: () => Promise<void>) {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await step();
    } finally {
      this.#busy = false;
    }
  }
}
