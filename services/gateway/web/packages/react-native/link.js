// The messages between the app and the page in its web view. Independent of React.

export class Link {
  #inject;
  #on;
  #options;
  #live = false;
  #unsent = [];

  /**
   * `inject` runs a script in the page; `options()` returns what the page starts with; `on` has a function for each
   * kind of message from the page.
   */
  constructor(inject, options, on) {
    this.#inject = inject;
    this.#options = options;
    this.#on = on;
  }

  /** Handles a message of the page; ignores those of other scripts. */
  receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (!message || typeof message.type !== 'string') return;
    if (message.type === 'loaded') return this.#start();
    if (message.type === 'proof') return this.#prove(message);
    if (Object.hasOwn(this.#on, message.type)) this.#on[message.type](message);
  }

  /** Calls a method of the widget, once the page has loaded. */
  call(method, ...args) {
    this.#send({ type: 'call', method, args });
  }

  /** Tells the page whether the app shows it. Messages count as read only while it is shown. */
  show(shown) {
    if (this.#live) this.#send({ type: 'shown', shown });
  }

  get live() {
    return this.#live;
  }

  // The page may load again, for example after the system ended its process. It starts with the app's current options.
  #start() {
    this.#live = true;
    const { shown, ...options } = this.#options();
    this.#send({ type: 'start', ...options });
    if (!shown) this.#send({ type: 'shown', shown: false });
    this.#unsent.splice(0).forEach((message) => this.#send(message));
  }

  async #prove({ reason, userId }) {
    if (!this.#on.proof) return;
    try {
      const proof = await this.#on.proof({ reason, userId });
      if (proof)
        this.#send({ type: 'proof', ...(typeof proof === 'string' ? { user_jwt: proof } : proof) });
    } catch (error) {
      this.#on.error?.({ message: `no proof of the user's identity: ${error?.message ?? error}` });
    }
  }

  #send(message) {
    if (!this.#live) return void this.#unsent.push(message);
    // A JSON text inside of a string literal can't be run as code. iOS warns about scripts without a value.
    const text = JSON.stringify(JSON.stringify(message)).replace(
      /[\u2028\u2029]/g,
      (end) => `\\u${end.charCodeAt(0).toString(16)}`,
    );
    this.#inject(`window.OnethreadApp && window.OnethreadApp.receive(${text}); true;`);
  }
}
