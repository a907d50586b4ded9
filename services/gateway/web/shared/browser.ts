// Fallbacks for what a browser may lack or block. Storage, locks and channels throw in frames of other sites where the
// browser blocks third-party data, and some calls are newer than the oldest supported browser. The pages use these
// functions instead of calling the browser directly.

/** Runs `step`; returns `otherwise` if it throws. */
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

/** Runs `step` while this tab holds the lock. Rejects when the signal fires, and if locks are missing or blocked. */
export async function withLock(name: string, signal: AbortSignal, step: () => Promise<void>) {
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted'))),
  );
  const locked = navigator.locks.request(name, { signal }, async () => {
    if (!signal.aborted) await step();
  });
  await Promise.race([locked, aborted]);
}

/** A channel to the other tabs of this browser; throws if channels are missing or blocked. */
export const openChannel = (name: string) => new BroadcastChannel(name);

/** SHA-256 in hex; rejects if the page isn't a secure context. */
export async function digest(text: string) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The browser's storage, or memory if it is missing or blocked. */
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
        // From now on it is read from the browser, since another tab may change it.
        delete memory[key];
      }, undefined);
    },
  };
}
