// A session: its thread, unsent and unread messages, and its live stream. Aborting `life` ends it; a late response of
// an ended session changes nothing.
import { computed, signal } from '@preact/signals';
import type { Message, MessagePage, Person, Session as Answer, Warning } from '../shared/api';
import { timeoutSignal } from '../shared/browser';
import { asProblem, backoff, pause, persist, request, uuid, type Problem } from '../shared/http';
import type { Page } from '../shared/protocol';
import { Thread } from '../shared/thread';
import { tracked } from './network';
import { followTogether } from './stream';

/** In Unicode scalar values. */
export const MAX_TEXT_LENGTH = 20_000;
// Interval of typing notices while the user is typing.
const TYPING_INTERVAL_MS = 3_000;

/** A message that isn't stored yet. */
export interface Pending {
  id: string;
  text: string;
  /** Why it was rejected. It is sent again only when the user retries it. */
  error?: Problem;
}

/** What a session needs from the chat, and its events. */
export interface SessionHost {
  /** The current page, which is sent with each action. */
  page: () => Promise<Page>;
  /** Members of `init` that each call repeats until the server has stored the visitor. */
  context: () => Record<string, unknown>;
  /** A message of the user is stored. */
  sent: (message: Message) => void;
  /** The server ended the session. */
  ended: () => void;
  /** The visitor's conversation was merged into a contact's: the device starts a new session. */
  restart: () => void;
  /** A message of an agent arrived live. */
  replied: (messages: Message[]) => void;
  failed: (text: string) => void;
  /** A message was rejected. */
  rejected: (problem: Problem) => void;
}

export class Session {
  readonly life = new AbortController();
  readonly thread: Thread;
  readonly contact = signal<Person>(null!);
  readonly form = signal<Answer['preChat'] | null>(null);
  readonly outbox = signal<Pending[]>([]);
  readonly live = signal(true);
  readonly agentTyping = signal(false);
  /** `seq` of the last message that the team has read. */
  readonly seenTo = signal(0);
  readonly settings: Answer['settings'];
  /** Whether the server has stored this person: visitors are stored with their first action. */
  stored: boolean;
  #token: string;
  // Unread messages from before the session, up to `last`, and `seq` of those that arrived since.
  #old = signal({ unread: 0, last: 0 });
  #arrivedUnread = signal<number[]>([]);
  readonly unread = computed(() => this.#old.value.unread + this.#arrivedUnread.value.length);
  #visitor: boolean;
  #sending = false;
  #reloads = 0;
  #typedAt = 0;

  /** `clean` is the empty session after a rejected login; `proof` proves the user id. */
  constructor(
    answer: Answer,
    readonly clean: boolean,
    private readonly proof: string,
    private readonly host: SessionHost,
  ) {
    const { session, conversation, contact, preChat, mode } = answer;
    this.#token = session.token;
    this.#visitor = mode === 'visitor';
    this.stored = !this.#visitor || conversation.id !== null;
    this.contact.value = contact;
    this.form.value = preChat.show ? preChat : null;
    this.settings = answer.settings;
    this.#old.value = { unread: conversation.unread, last: conversation.lastSeq };
    this.thread = new Thread({
      fetchRun: (query) => this.#call<MessagePage>('GET', `/messages${query}`),
      onNew: (messages) => this.#arrived(messages),
      onProblem: (problem) => this.#failed(problem),
      signal: this.life.signal,
    });
    this.thread.begin(conversation.messages);
    void this.#follow();
  }

  #call<T>(method: string, path: string, body?: unknown) {
    return tracked(request<T>(method, `/widget/v1${path}`, { token: this.#token, body }));
  }

  get #ended() {
    return this.life.signal.aborted;
  }

  #failed(thrown: unknown) {
    if (this.#ended) return;
    const problem = asProblem(thrown);
    if (problem.status === 401) this.host.ended();
    else this.host.failed(problem.message);
  }

  // --- sending ---

  /** Queues a text. Texts are sent in order; a retry doesn't store one twice, since its id stays the same. */
  send(text: string) {
    this.outbox.value = [...this.outbox.value, { id: uuid(), text }];
    this.#typedAt = 0;
    void this.#pump();
  }

  retry(id: string) {
    this.outbox.value = this.outbox.value.map((one) =>
      one.id === id ? { id, text: one.text } : one,
    );
    void this.#pump();
  }

  async #pump() {
    if (this.#sending || this.form.value) return;
    this.#sending = true;
    let next: Pending | undefined;
    while (!this.#ended && (next = this.outbox.value.find(({ error }) => !error)))
      await this.#deliver(next);
    this.#sending = false;
  }

  async #deliver({ id, text }: Pending) {
    try {
      const message = await this.#act((context) => {
        const body = { clientMessageId: id, text, ...context };
        return persist(this.life.signal, () => this.#call<Message>('POST', '/messages', body));
      });
      if (this.#ended) return;
      this.host.sent(message);
      this.#removePending(id);
      this.thread.receive(message);
    } catch (thrown) {
      // The stream may have delivered it although the response was lost.
      if (this.#ended || !this.outbox.value.some((one) => one.id === id)) return;
      const problem = asProblem(thrown);
      if (problem.status === 401) return this.host.ended();
      this.outbox.value = this.outbox.value.map((one) =>
        one.id === id ? { ...one, error: problem } : one,
      );
      this.host.rejected(problem);
    }
  }

  // Runs a call that stores the visitor, with the current page and, before the first of them, the members of `init`.
  async #act<T>(step: (context: Record<string, unknown>) => Promise<T>) {
    const page = await this.host.page();
    const answer = await step({ page, ...(this.stored ? {} : this.host.context()) });
    this.stored = true;
    return answer;
  }

  #removePending(id: string | null) {
    this.outbox.value = this.outbox.value.filter((one) => one.id !== id);
  }

  /** Sends the pre-chat form and returns the server's response. The form shows a problem. */
  async fillIn(fields: Record<string, string | null>) {
    const answer = await this.#act((context) =>
      this.#call<Answer>('POST', '/pre-chat', { fields, ...context }),
    );
    if (this.#ended) return answer;
    this.#token = answer.session.token;
    this.contact.value = answer.contact;
    this.form.value = null;
    void this.#pump();
    return answer;
  }

  /** Tells the team that the user is typing, or has stopped. */
  typing(typing: boolean) {
    if (
      !this.stored ||
      (typing && Date.now() - this.#typedAt < TYPING_INTERVAL_MS) ||
      (!typing && !this.#typedAt)
    )
      return;
    this.#typedAt = typing ? Date.now() : 0;
    this.#call('POST', '/typing', { typing }).catch(() => {});
  }

  async track(name: string, data?: Record<string, unknown>) {
    const page = await this.host.page();
    await this.#call('POST', '/track', { name, data, page });
  }

  async update(user: Record<string, unknown>) {
    const page = await this.host.page();
    const answer = await this.#call<Person & { warnings?: Warning[] }>('PATCH', '/contact', {
      ...user,
      page,
    });
    if (!this.#ended && answer.id) this.contact.value = answer;
    return answer.warnings ?? [];
  }

  logout() {
    return persist(timeoutSignal(10_000), () => this.#call<Answer>('POST', '/logout', {}));
  }

  // --- what arrives ---

  async #follow() {
    const { signal } = this.life;
    const on: Record<string, (data: any) => boolean | void> = {
      message: (message: Message) => this.thread.receive(message),
      read: ({ side, seq }) => this.#readBy(side, seq),
      typing: ({ side, typing }) => {
        if (side === 'agent') this.agentTyping.value = typing;
      },
      contact: (contact: Person) => void (this.contact.value = contact),
      'session-ended': () => this.host.ended(),
      reload: () => false,
    };
    while (!signal.aborted) {
      try {
        await followTogether('/widget/v1/events', {
          key: `${this.contact.value.id} ${this.proof}`,
          token: () => this.#token,
          lastEventId: () => this.thread.last,
          onEvent: (name, data) => {
            if (name !== 'reload') this.#reloads = 0;
            return Object.hasOwn(on, name) ? on[name]!(data) : undefined;
          },
          onState: (live) => (this.live.value = live),
          signal,
        });
      } catch (problem) {
        return this.#failed(problem);
      }
      if (signal.aborted) return;
      // The server sent `reload`: events may be missing.
      await pause(backoff(this.#reloads++), signal);
      if (!signal.aborted) await this.#refetch();
    }
  }

  async #refetch() {
    try {
      const { items } = await persist(this.life.signal, () =>
        this.#call<MessagePage>('GET', '/messages'),
      );
      if (this.#ended) return;
      const before = this.thread.last;
      this.thread.begin(items);
      this.#count(items.filter(({ seq }) => seq > before));
    } catch (thrown) {
      // A visitor's token becomes invalid when the visitor is merged into a contact. The page starts with a new visitor.
      if (!this.#ended && asProblem(thrown).status === 401 && this.#visitor && !this.clean)
        this.host.restart();
      else this.#failed(thrown);
    }
  }

  #arrived(messages: Message[]) {
    if (this.#ended) return;
    for (const { author, clientMessageId } of messages) {
      if (author.kind === 'contact') this.#removePending(clientMessageId);
      else if (author.kind === 'agent') this.agentTyping.value = false;
    }
    this.#count(messages);
    this.host.replied(messages.filter(({ author }) => author.kind === 'agent'));
  }

  #count(messages: Message[]) {
    const agents = messages.filter(({ author }) => author.kind === 'agent').map(({ seq }) => seq);
    if (agents.length) this.#arrivedUnread.value = [...this.#arrivedUnread.value, ...agents];
  }

  // --- read marks ---

  #readBy(side: 'contact' | 'agent', seq: number) {
    if (side === 'agent') this.seenTo.value = Math.max(this.seenTo.value, seq);
    // Read on another device.
    else this.#readTo(seq);
  }

  #readTo(seq: number) {
    if (seq >= this.#old.value.last) this.#old.value = { unread: 0, last: this.#old.value.last };
    this.#arrivedUnread.value = this.#arrivedUnread.value.filter((one) => one > seq);
  }

  /** Marks all messages as read. */
  read() {
    if (!this.unread.value) return;
    const seq = this.thread.last;
    this.#readTo(seq);
    // If this fails, the next call covers these messages as well.
    this.#call('POST', '/read', { seq }).catch(() => {});
  }
}
