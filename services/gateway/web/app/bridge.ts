// What the app and the chat say to each other: the chat's events go to the app, the app's messages become calls of the
// widget, and a person whose proof has expired goes on with a fresh one.
import type { User } from '../shared/protocol';
import { native, tellApp } from './native';

/** From the app to the page. */
export type FromApp =
  | ({
      type: 'start';
      organization: string;
      user?: User;
      locale?: string;
      theme?: 'light' | 'dark' | 'auto';
    } & ({ appId: string } | { applicationId: number; applicationSecret: string }))
  /** The answer to `proof`: `user_jwt`, or `user_hash`; neither where the app has none. */
  | ({ type: 'proof' } & Pick<User, 'user_jwt' | 'user_hash' | 'security_hash'>)
  /** Any method of the widget. */
  | { type: 'call'; method: string; args?: unknown[] }
  /** Whether the app shows the page: what isn't shown isn't read. */
  | { type: 'shown'; shown: boolean };

type Call = (method: string, ...args: any[]) => void;

// Proofs that are refused as fast as they come are asked for no faster than this.
const PROOF_INTERVAL_MS = 10_000;

export class Bridge {
  /** For the chat, which shows a way to close it where an app listens. */
  readonly native = native;
  #user: User = {};
  #asked = false;
  #askedAt = -PROOF_INTERVAL_MS;
  #closedByApp = false;

  /** `call` calls the widget; `theme` takes the app's choice of light or dark. */
  constructor(
    private readonly call: Call,
    private readonly theme: (theme: string) => void,
  ) {
    this.#listen();
    tellApp({ type: 'loaded' });
  }

  /** Takes a message of the app, as an object or as its JSON. */
  receive(message: FromApp | string) {
    const said: FromApp = typeof message === 'string' ? JSON.parse(message) : message;
    switch (said.type) {
      case 'start': {
        const { type, organization, locale, theme, ...options } = said;
        if (theme && theme !== 'auto') this.theme(theme);
        if (locale) this.call('setLocalization', locale);
        this.#take(options.user);
        return this.call('init', organization, { ...options, user: this.#user });
      }
      case 'proof': {
        const { type, ...proof } = said;
        if (!Object.values(proof).some(Boolean)) return;
        this.#user = { ...this.#user, ...proof };
        return this.call('userAuth', this.#user);
      }
      case 'shown':
        this.#closedByApp = !said.shown;
        return this.call(said.shown ? 'openChat' : 'closeChat');
      case 'call':
        if (said.method === 'userAuth') this.#take(said.args?.[0] as User);
        if (/^log(o|O)ut$/.test(said.method)) this.#take({});
        return this.call(said.method, ...(said.args ?? []));
    }
  }

  #take(user: User = {}) {
    this.#user = user;
    this.#asked = false;
  }

  #listen() {
    const on = (event: string, listener: (event: any) => void) => this.call(event, listener);
    on('onReady', (detail) => {
      if (detail?.mode === 'contact') this.#asked = false;
      tellApp({ type: 'ready', mode: detail?.mode ?? 'visitor', name: detail?.name ?? '' });
    });
    on('onUnreadCountChange', (count: number) => tellApp({ type: 'unread', count }));
    on('onAgentMessage', (event) => this.#message('agent', event));
    on('onCustomerMessage', (event) => this.#message('customer', event));
    on('onIdentityRefused', () => this.#ask('refused'));
    on('onSessionEnded', () => this.#ask('ended'));
    on('onError', (event) => tellApp({ type: 'error', message: String(event?.message ?? '') }));
    on('onChatOpen', () => tellApp({ type: 'open' }));
    on('onChatClose', () => {
      // What the app closed itself it needn't hear of.
      if (!this.#closedByApp) tellApp({ type: 'close' });
    });
  }

  #message(author: 'agent' | 'customer', event: any) {
    const { text = '', author_name = null } = event?.detail?.message ?? event?.message ?? {};
    tellApp({ type: 'message', author, name: author_name, text });
  }

  // Asks once after each start or login: an app that can't prove the person isn't asked in a circle.
  #ask(reason: 'refused' | 'ended') {
    tellApp({ type: reason === 'refused' ? 'identityRefused' : 'sessionEnded' });
    const { user_id } = this.#user;
    if (
      this.#asked ||
      user_id === undefined ||
      performance.now() - this.#askedAt < PROOF_INTERVAL_MS
    )
      return;
    this.#asked = true;
    this.#askedAt = performance.now();
    tellApp({ type: 'proof', reason, userId: String(user_id) });
  }
}
