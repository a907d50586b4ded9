// The global functions. A snippet that runs again assigns a new stub: it gets the live function instead, and what its
// queue holds is called.
import { attempt } from '../shared/browser';

export type Call = (method: string, ...args: any[]) => void;
type Stub = { q?: any } | undefined;

const NAMES = ['HelpCrunch', 'Onethread'];
const TAKE = Symbol.for('onethread');
const WATCH_INTERVAL_MS = 1000;

const w = window as any;

/** Hands the calls that wait in a new stub to the widget that is already on the page, if one is. */
export const handOver = (): boolean => w[TAKE] && (w[TAKE](), true);

/** Puts `call` in place of the stubs and runs what waits in them. */
export function install(call: Call & { loaded?: boolean }) {
  let settings: unknown;
  const run = (...calls: ArrayLike<any>[]) =>
    calls.forEach((args) => call(...(Array.from(args ?? []) as [string])));

  const adopt = (...stubs: Stub[]) => {
    const waiting = stubs.flatMap((stub) => {
      const queue: any = Array.isArray(stub?.q) ? stub.q : [];
      const calls: ArrayLike<any>[] = [...queue];
      // A page that kept the stub is heard as well.
      queue.length = 0;
      queue.push = run;
      return calls;
    });
    // The newer form of the snippet says in one object what the classic one says by calls.
    const said = w.helpcrunchSettings;
    if (said?.organization && said !== settings && !waiting.some((args) => args[0] === 'init')) {
      settings = said;
      run(['init', said.organization, said], ['showChatWidget']);
    }
    run(...waiting);
  };

  const take = (w[TAKE] = () => {
    const stubs: Stub[] = NAMES.map((name) => w[name]).filter((one) => one !== call);
    for (const name of NAMES) {
      // A name that the page declared with `var` can be assigned only.
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
