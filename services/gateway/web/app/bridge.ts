// The bridge between the app and the chat. The chat's events go to the app, the app's messages call the widget, and an
// expired proof of identity is replaced by a fresh one from the app.
import type { User } from '../shared/protocol';
import { native, postToApp } from './native';

/** From the app to the page. */
export type FromApp =
  | ({
      type: 'start';
      organization: string;
      user?: User;
      locale?: string;
      theme?: 'light' | 'dark' | 'auto';
    } & ({ appId: string } | { applicationId: number; applicationSecret: string }))
  /** The answer to `proof`: `user_jwt` or `user_hash`, or neither if the app has no proof. */
  | ({ type: 'proof' } & Pick<User, 'user_jwt' | 'user_hash' | 'security_hash'>)
  /** Any method of the widget. */
  | { type: 'call'; method: string; args?: unknown[] }
  /** Whether the app shows the page. Messages count as read only while it is shown. */
  | { type: 'shown'; shown: boolean };

type Call = (method: string, ...args: any[]) => void;

// Limits how often a proof is requested when each one is rejected at once.
const PROOF_INTERVAL_MS = 10_000;

export class Bridge {
  /** The chat has a close button if an app listens. */
  readonly native = native;
  #user: User = {};
  #proofRequested = false;
  #proofRequestedAt = -PROOF_INTERVAL_MS;
  #closedByApp = false;

  /** `call` calls the widget; `theme` applies the app's choice of light or dark. */
  constructor(
    private readonly call: Call,
    private readonly theme: (theme: string) => void,
  ) {
    this.#listen();
    postToApp({ type: 'loaded' });
  }

  /** Handles a message of the app, an object or its JSON. */
  receive(message: FromApp | string) {
    const received: FromApp = typeof message === 'string' ? JSON.parse(message) : message;
    switch (received.type) {
      case 'start': {
        const { type, organization, locale, theme, ...options } = received;
        if (theme && theme !== 'auto') this.theme(theme);
        if (locale) this.call('setLocalization', locale);
        this.#setUser(options.user);
        return this.call('init', organization, { ...options, user: this.#user });
      }
      case 'proof': {
        const { type, ...proof } = received;
        if (!Object.values(proof).some(Boolean)) return;
        this.#user = { ...this.#user, ...proof };
        return this.call('userAuth', this.#user);
      }
      case 'shown':
        this.#closedByApp = !received.shown;
        return this.call(received.shown ? 'openChat' : 'closeChat');
      case 'call':
        if (received.method === 'userAuth') this.#setUser(received.args?.[0] as User);
        if (/^log(o|O)ut$/.test(received.method)) this.#setUser({});
        return this.call(received.method, ...(received.args ?? []));
    }
  }

  #setUser(user: User = {}) {
    this.#user = user;
    this.#proofRequested = false;
  }

  #listen() {
    const on = (event: string, listener: (event: any) => void) => this.call(event, listener);
    on('onReady', (detail) => {
      if (detail?.mode === 'contact') this.#proofRequested = false;
      postToApp({ type: 'ready', mode: detail?.mode ?? 'visitor', name: detail?.name ?? '' });
    });
    on('onUnreadCountChange', (count: number) => postToApp({ type: 'unread', count }));
    on('onAgentMessage', (event) => this.#message('agent', event));
    on('onCustomerMessage', (event) => this.#message('customer', event));
    on('onIdentityRefused', () => this.#requestProof('refused'));
    on('onSessionEnded', () => this.#requestProof('ended'));
    on('onError', (event) => postToApp({ type: 'error', message: String(event?.message ?? '') }));
    on('onChatOpen', () => postToApp({ type: 'open' }));
    on('onChatClose', () => {
      // An app that closed the chat itself isn't notified.
      if (!this.#closedByApp) postToApp({ type: 'close' });
    });
  }

  #message(author: 'agent' | 'customer', event: any) {
    const { text = '', author_name = null } = event?.detail?.message ?? event?.message ?? {};
    postToApp({ type: 'message', author, name: author_name, text });
  }

  // Requests a proof once after each start or login, so that an app without a valid one doesn't get endless requests.
  #requestProof(reason: 'refused' | 'ended') {
    postToApp({ type: reason === 'refused' ? 'identityRefused' : 'sessionEnded' });
    const { user_id } = this.#user;
    if (
      this.#proofRequested ||
      user_id === undefined ||
      performance.now() - this.#proofRequestedAt < PROOF_INTERVAL_MS
    )
      return;
    this.#proofRequested = true;
    this.#proofRequestedAt = performance.now();
    postToApp({ type: 'proof', reason, userId: String(user_id) });
  }
}
