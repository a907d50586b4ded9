// Calls of the JSON API, and retries with backoff. Shared by all pages.
import { anySignal, timeoutSignal } from './browser';

/** The status of an error in the page itself. */
const PAGE_ERROR = -1;

/** An error of one field in a problem's body. */
export interface FieldError {
  pointer?: string;
  detail?: string;
}

/** The body of a problem (RFC 9457). */
export interface ProblemBody {
  title?: string;
  detail?: string;
  errors?: FieldError[];
  [member: string]: unknown;
}

/** A failed call. `status` is 0 if there was no response, and negative for an error in the page itself. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: ProblemBody = {},
    readonly retryAfterMs = 0,
  ) {
    super(body.detail || body.title || messageFor(status));
  }

  /** Whether the same call may succeed later. */
  get isTemporary() {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500;
  }

  /** The errors as `[name, detail]` where the pointer is `<root>/<name>`; the name of all others is null. */
  fieldErrors(root: string): [string | null, string][] {
    return (this.body.errors ?? []).map(({ pointer = '', detail = '' }) => [
      pointer.startsWith(`${root}/`)
        ? pointer
            .slice(root.length + 1)
            .replaceAll('~1', '/')
            .replaceAll('~0', '~')
        : null,
      detail,
    ]);
  }
}

function messageFor(status: number) {
  if (status === PAGE_ERROR) return 'Something went wrong. Reload the page to continue.';
  return status ? `The server answered ${status}.` : 'The server could not be reached.';
}

/** A thrown value as a Problem. The text of an exception goes to the console and is never shown to users. */
export function asProblem(thrown: unknown) {
  if (thrown instanceof Problem) return thrown;
  console.error('Onethread:', thrown);
  return new Problem(PAGE_ERROR);
}

/** Reads the problem of a failed response. */
export async function problemOf(answer: Response) {
  const seconds = Number(answer.headers.get('retry-after'));
  const body = await answer.json().catch(() => undefined);
  return new Problem(
    answer.status,
    body ?? undefined,
    seconds > 0 ? Math.min(seconds, 60) * 1000 : 0,
  );
}

export interface Options {
  /** Sent in the Authorization header; cookies aren't sent if it is set, even to null. */
  token?: string | null;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent unchanged instead of a JSON body. */
  file?: Blob;
  headers?: Record<string, string>;
  seconds?: number;
  signal?: AbortSignal;
}

/** One call. Returns the JSON body, or undefined for an empty one; throws a Problem if the call fails. */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const { token, body, file, seconds = 15, signal } = options;
  const headers: Record<string, string> = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const end = timeoutSignal(seconds * 1000);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: file ?? (body === undefined ? undefined : JSON.stringify(body)),
      credentials: token === undefined ? 'same-origin' : 'omit',
      cache: 'no-store',
      signal: signal ? anySignal(signal, end) : end,
    });
    if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  } catch {
    // No network, a timeout, or an incomplete response.
    throw new Problem(0);
  }
  throw await problemOf(answer);
}

/** Milliseconds to wait after `failures` failures in a row: doubles from 0.5 s to 30 s; the upper half is random. */
export function backoff(failures: number) {
  const whole = Math.min(30_000, 500 * 2 ** Math.min(failures, 10));
  return whole / 2 + (whole / 2) * Math.random();
}

/** Waits, or returns early when the signal fires or the network is back. */
export function pause(ms: number, signal: AbortSignal) {
  return new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

/** Retries a step while it fails temporarily, until it succeeds, fails permanently, or the signal fires. */
export async function persist<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await step();
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (!problem.isTemporary || signal.aborted) throw problem;
      await pause(Math.max(problem.retryAfterMs, backoff(failures)), signal);
      if (signal.aborted) throw problem;
    }
  }
}

/** A random UUID. `crypto.randomUUID` is missing if the page isn't a secure context. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID() as string;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
