// What a browser may lack, forbid or break: storage and its relatives throw where a page of another site is blocked
// from them, and some calls are newer than the oldest browser that is supported. Everything else goes through here.

/** Runs `step`; answers `otherwise` when it throws. */
export function attempt<T>(step: () => T, otherwise: T): T {
  try {
    return step();
  } catch {
    return otherwise;
  }
}

/** Whether the browser is new enough for the chat: Safari 15.4, Firefox 102, Chromium 100. */
export const isSupported = () => typeof structuredClone === 'function';

/** `AbortSignal.timeout`, which Safari 15 lacks. */
export function timeoutSignal(ms: number) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
}

/** A signal that fires with the first of these; `AbortSignal.any` is missing before Safari 17.4 and Firefox 124. */
export function anySignal(...signals: AbortSignal[]) {
  const controller = new AbortController();
  const abort = () => {
    controller.abort();
    signals.forEach((one) => one.removeEventListener('abort', abort));
  };
  for (const one of signals) {
    if (one.aborted) abort();
    else one.addEventListener('abort', abort);
  }
  return controller.signal;
}

/** The last item that passes; `findLast` is missing in Firefox 102. */
export function findLast<T>(items: T[], test: (item: T) => boolean) {
  for (let at = items.length - 1; at >= 0; at--) if (test(items[at]!)) return items[at];
  return undefined;
}

/** Runs `step` while this tab holds the lock. Rejects when the signal fires, and where locks are missing or blocked. */
export async function withLock(name: string, signal: AbortSignal, step: () => Promise<void>) {
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted'))),
  );
  const held = navigator.locks.request(name, { signal }, async () => {
    if (!signal.aborted) await step();
  });
  await Promise.race([held, aborted]);
}

/** A channel to the other tabs of this browser; throws where there is none, or it is blocked. */
export const openChannel = (name: string) => new BroadcastChannel(name);

/** SHA-256 in hex; rejects where the page isn't a secure context. */
export async function digest(text: string) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Values kept by the browser, or in memory where it has no storage or blocks it. */
export function store(kind: 'localStorage' | 'sessionStorage') {
  const memory: Record<string, string | null> = {};
  return {
    get: (key: string): string | null =>
      attempt(() => window[kind].getItem(key), null) ?? memory[key] ?? null,
    set(key: string, value: string | null) {
      memory[key] = value;
      attempt(() => {
        if (value === null) window[kind].removeItem(key);
        else window[kind].setItem(key, value);
        // Another tab may change it.
        delete memory[key];
      }, undefined);
    },
  };
}
