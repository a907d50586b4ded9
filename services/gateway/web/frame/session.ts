// One session of a person: its thread, what waits to be sent, what is unread, and its live stream. It ends with
// its signal, and then nothing of it reaches the screen.
import { computed, signal } from '@preact/signals';
import type { Message, MessagePage, Person, Session as Answer, Warning } from '../shared/api';
import { timeoutSignal } from '../shared/browser';
import { asProblem, backoff, pause, persist, request, uuid, type Problem } from '../shared/http';
import type { Page } from '../shared/protocol';
import { Thread } from '../shared/thread';
import { watched } from './network';
import { followTogether } from './stream';

/** The longest text, in Unicode scalar values. */
export const LONGEST_TEXT = 20_000;
// Repeated while the person is typing.
const TYPING_EVERY_MS = 3_000;

/** A message that isn't stored yet. */
export interface Pending {
  id: string;
  text: string;
  /** Why it was refused; a refused one is sent again only when the person asks. */
  refused?: Problem;
}

export interface Around {
  /** Where the person is, which goes with what they do. */
  page: () => Promise<Page>;
  /** What a visitor without a stored row has to say again with each call. */
  context: () => Record<string, unknown>;
  /** A message of the person's is stored. */
  sent: (message: Message) => void;
  /** The server ended the session. */
  ended: () => void;
  /** A visitor's thread went elsewhere: the device starts over. */
  restart: () => void;
  /** A message of an agent arrived live. */
  answered: (messages: Message[]) => void;
  failed: (text: string) => void;
  /** A message was refused. */
  refused: (problem: Problem) => void;
}

export class Session {
  readonly life = new AbortController();
  readonly thread: Thread;
  readonly contact = signal<Person>(null!);
  readonly form = signal<Answer['preChat'] | null>(null);
  readonly outbox = signal<Pending[]>([]);
  readonly live = signal(true);
  readonly agentTyping = signal(false);
  /** The other side said that it has read up to this number. */
  readonly seenTo = signal(0);
  readonly settings: Answer['settings'];
  /** Whether something of this person is stored. */
  stored: boolean;
  #token: string;
  // What was unread when the session began, up to which number; and what came since.
  #old = signal({ unread: 0, last: 0 });
  #news = signal<number[]>([]);
  readonly unread = computed(() => this.#old.value.unread + this.#news.value.length);
  #visitor: boolean;
  #sending = false;
  #reloads = 0;
  #typedAt = 0;

  /** `clean` is the empty session of a refusal; `proof` is what was shown beside the user id. */
  constructor(
    answer: Answer,
    readonly clean: boolean,
    private readonly proof: string,
    private readonly around: Around,
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
    return watched(request<T>(method, `/widget/v1${path}`, { token: this.#token, body }));
  }

  get #over() {
    return this.life.signal.aborted;
  }

  #failed(thrown: unknown) {
    if (this.#over) return;
    const problem = asProblem(thrown);
    if (problem.status === 401) this.around.ended();
    else this.around.failed(problem.message);
  }

  // --- sending ---

  /** Takes a text to send. Each goes after the one before it, and is stored once however often it is tried. */
  send(text: string) {
    this.outbox.value = [...this.outbox.value, { id: uuid(), text }];
    this.#typedAt = 0;
    void this.#pump();
  }

  again(id: string) {
    this.outbox.value = this.outbox.value.map((one) =>
      one.id === id ? { id, text: one.text } : one,
    );
    void this.#pump();
  }

  async #pump() {
    if (this.#sending || this.form.value) return;
    this.#sending = true;
    let next: Pending | undefined;
    while (!this.#over && (next = this.outbox.value.find(({ refused }) => !refused)))
      await this.#deliver(next);
    this.#sending = false;
  }

  async #deliver({ id, text }: Pending) {
    try {
      const message = await this.#act((context) => {
        const body = { clientMessageId: id, text, ...context };
        return persist(this.life.signal, () => this.#call<Message>('POST', '/messages', body));
      });
      if (this.#over) return;
      this.around.sent(message);
      this.#taken(id);
      this.thread.receive(message);
    } catch (thrown) {
      // It may have come back through the stream although the answer was lost.
      if (this.#over || !this.outbox.value.some((one) => one.id === id)) return;
      const problem = asProblem(thrown);
      if (problem.status === 401) return this.around.ended();
      this.outbox.value = this.outbox.value.map((one) =>
        one.id === id ? { ...one, refused: problem } : one,
      );
      this.around.refused(problem);
    }
  }

  // Does something that stores the person, with the page they are on. Until something of a visitor is stored, each call
  // says again what init said.
  async #act<T>(step: (context: Record<string, unknown>) => Promise<T>) {
    const page = await this.around.page();
    const answer = await step({ page, ...(this.stored ? {} : this.around.context()) });
    this.stored = true;
    return answer;
  }

  #taken(id: string | null) {
    this.outbox.value = this.outbox.value.filter((one) => one.id !== id);
  }

  /** Sends the form; a problem is the form's to show. Answers what the server said. */
  async fillIn(fields: Record<string, string | null>) {
    const answer = await this.#act((context) =>
      this.#call<Answer>('POST', '/pre-chat', { fields, ...context }),
    );
    if (this.#over) return answer;
    this.#token = answer.session.token;
    this.contact.value = answer.contact;
    this.form.value = null;
    void this.#pump();
    return answer;
  }

  /** Somebody writes, or stopped. */
  typing(typing: boolean) {
    if (
      !this.stored ||
      (typing && Date.now() - this.#typedAt < TYPING_EVERY_MS) ||
      (!typing && !this.#typedAt)
    )
      return;
    this.#typedAt = typing ? Date.now() : 0;
    this.#call('POST', '/typing', { typing }).catch(() => {});
  }

  async track(name: string, data?: Record<string, unknown>) {
    const page = await this.around.page();
    await this.#call('POST', '/track', { name, data, page });
  }

  async update(user: Record<string, unknown>) {
    const page = await this.around.page();
    const answer = await this.#call<Person & { warnings?: Warning[] }>('PATCH', '/contact', {
      ...user,
      page,
    });
    if (!this.#over && answer.id) this.contact.value = answer;
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
      'session-ended': () => this.around.ended(),
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
      // The server asks for a fresh fetch.
      await pause(backoff(this.#reloads++), signal);
      if (!signal.aborted) await this.#fetchAnew();
    }
  }

  async #fetchAnew() {
    try {
      const { items } = await persist(this.life.signal, () =>
        this.#call<MessagePage>('GET', '/messages'),
      );
      if (this.#over) return;
      const before = this.thread.last;
      this.thread.begin(items);
      this.#count(items.filter(({ seq }) => seq > before));
    } catch (thrown) {
      // A visitor's token stops when its thread joins a person: the page's next visitor is nobody's, and may begin.
      if (!this.#over && asProblem(thrown).status === 401 && this.#visitor && !this.clean)
        this.around.restart();
      else this.#failed(thrown);
    }
  }

  #arrived(messages: Message[]) {
    if (this.#over) return;
    for (const { author, clientMessageId } of messages) {
      if (author.kind === 'contact') this.#taken(clientMessageId);
      else if (author.kind === 'agent') this.agentTyping.value = false;
    }
    this.#count(messages);
    this.around.answered(messages.filter(({ author }) => author.kind === 'agent'));
  }

  #count(messages: Message[]) {
    const agents = messages.filter(({ author }) => author.kind === 'agent').map(({ seq }) => seq);
    if (agents.length) this.#news.value = [...this.#news.value, ...agents];
  }

  // --- read marks ---

  #readBy(side: 'contact' | 'agent', seq: number) {
    if (side === 'agent') this.seenTo.value = Math.max(this.seenTo.value, seq);
    // The person read on another device.
    else this.#readTo(seq);
  }

  #readTo(seq: number) {
    if (seq >= this.#old.value.last) this.#old.value = { unread: 0, last: this.#old.value.last };
    this.#news.value = this.#news.value.filter((one) => one > seq);
  }

  /** All that is held was seen by the person. */
  read() {
    if (!this.unread.value) return;
    const seq = this.thread.last;
    this.#readTo(seq);
    // Should it fail, the next message that is read says it as well.
    this.#call('POST', '/read', { seq }).catch(() => {});
  }
}
