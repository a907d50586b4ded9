// The global functions. A snippet that runs again assigns a new stub. The stub is replaced by the live function, and the
// calls in its queue run.
import { attempt } from '../shared/browser';

export type Call = (method: string, ...args: any[]) => void;
type Stub = { q?: any } | undefined;

const NAMES = ['HelpCrunch', 'Onethread'];
const TAKE = Symbol.for('onethread');
const WATCH_INTERVAL_MS = 1000;

const w = window as any;

/** Runs the calls of a new stub in the widget that is already on the page; false if there is none. */
export const handOver = (): boolean => w[TAKE] && (w[TAKE](), true);

/** Replaces the stubs by `call` and runs the calls in their queues. */
export function install(call: Call & { loaded?: boolean }) {
  let settings: unknown;
  const run = (...calls: ArrayLike<any>[]) =>
    calls.forEach((args) => call(...(Array.from(args ?? []) as [string])));

  const adopt = (...stubs: Stub[]) => {
    const waiting = stubs.flatMap((stub) => {
      const queue: any = Array.isArray(stub?.q) ? stub.q : [];
      const calls: ArrayLike<any>[] = [...queue];
      // A page may hold a reference to the stub: later calls to it run as well.
      queue.length = 0;
      queue.push = run;
      return calls;
    });
    // The newer form of the snippet has an object of settings instead of calls.
    const found = w.helpcrunchSettings;
    if (found?.organization && found !== settings && !waiting.some((args) => args[0] === 'init')) {
      settings = found;
      run(['init', found.organization, found], ['showChatWidget']);
    }
    run(...waiting);
  };

  const take = (w[TAKE] = () => {
    const stubs: Stub[] = NAMES.map((name) => w[name]).filter((one) => one !== call);
    for (const name of NAMES) {
      // A global that the page declared with `var` can't be redefined, only assigned.
      attempt(
        () =>
          Object.defineProperty(w, name, {
            configurable: true,
            enumerable: true,
            get: () => call,
            set: adopt,
          }),
        0,
      );
      if (w[name] !== call) w[name] = call;
    }
    if (stubs.length) adopt(...stubs);
  });

  call.loaded = true;
  Object.defineProperty(call, 'q', { get: () => ({ push: run }), set: (q) => adopt({ q }) });
  take();
  setInterval(() => NAMES.some((name) => w[name] !== call) && take(), WATCH_INTERVAL_MS);
}
