// The loaded part of a long thread: a limited number of consecutive messages around the visible ones.
import { signal } from '@preact/signals';
import type { Message, MessagePage } from '../../shared/api';

const PAGE_SIZE = 100;
const MAX_MESSAGES = 400;

export class Run {
  readonly messages = signal<Message[]>([]);
  /** Whether the newest message is loaded. */
  readonly atEnd = signal(true);
  /** `seq` of the last message that the contact has read. */
  readonly seenTo = signal(0);
  #busy = false;

  constructor(private readonly fetchRun: (query: string) => Promise<MessagePage>) {}

  get hasEarlier() {
    return !!this.messages.value[0]?.prevSeq;
  }

  get last() {
    return this.messages.value.at(-1)?.seq ?? 0;
  }

  /** Loads the newest messages. */
  toEnd() {
    return this.#exclusively(async () => {
      this.messages.value = (await this.fetchRun(`?limit=${PAGE_SIZE}`)).items;
      this.atEnd.value = true;
    });
  }

  earlier() {
    const first = this.messages.value[0];
    if (!first?.prevSeq) return;
    return this.#exclusively(async () => {
      const { items } = await this.fetchRun(`?beforeSeq=${first.seq}&limit=${PAGE_SIZE}`);
      const all = [...items, ...this.messages.value];
      this.messages.value = all.slice(0, MAX_MESSAGES);
      if (all.length > MAX_MESSAGES) this.atEnd.value = false;
    });
  }

  later() {
    if (this.atEnd.value) return;
    return this.#exclusively(() => this.#catchUp());
  }

  /** Adds a message of the stream or of a response. */
  receive(message: Message) {
    if (message.seq <= this.last || !this.atEnd.value) return;
    if ((message.prevSeq ?? 0) === this.last)
      this.messages.value = [...this.messages.value, message].slice(-MAX_MESSAGES);
    else void this.#exclusively(() => this.#catchUp());
  }

  /** Records a read mark of the contact. */
  seen(seq: number) {
    this.seenTo.value = Math.max(this.seenTo.value, seq);
  }

  async #catchUp() {
    const { items, lastSeq } = await this.fetchRun(`?afterSeq=${this.last}&limit=${PAGE_SIZE}`);
    this.messages.value = [...this.messages.value, ...items].slice(-MAX_MESSAGES);
    this.atEnd.value = !items.length || this.last >= lastSeq;
  }

  // One fetch at a time, since each continues from the result of the one before. A second one is dropped.
  async #exclusively(step: () => Promise<void>) {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await step();
    } finally {
      this.#busy = false;
    }
  }
}
