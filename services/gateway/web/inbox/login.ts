// The logged-in agent, API calls as this agent, and the notices about them.
import { signal } from '@preact/signals';
import type { Agent, ListedAgent } from '../shared/api';
import type { Page } from '../shared/page';
import { Problem, asProblem, request, type FieldError, type Options } from '../shared/http';

/** The logged-in agent; null if none is, undefined while it isn't known. */
export const me = signal<Agent | null | undefined>(undefined);
/** Why the login form is shown again. */
export const loginNotice = signal('');
/** The error above the current part. */
export const trouble = signal('');
/** The confirmation above the current part. */
export const success = signal('');

/** Aborted at the end of this login. */
export let life = new AbortController();

/** A call of /v1. If the login has ended, the login form is shown. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  options: Options = {},
): Promise<T> {
  try {
    return await request<T>(method, `/v1${path}`, { ...options, body });
  } catch (thrown) {
    if (asProblem(thrown).status === 401 && me.value)
      loggedOut('Your session has ended. Log in again to continue.');
    throw thrown;
  }
}

/** Runs an action; if it fails, shows the error and returns undefined. */
export async function attempt<T>(step: () => Promise<T>): Promise<T | undefined> {
  try {
    trouble.value = '';
    return await step();
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (me.value && problem.status !== 401) trouble.value = explain(problem);
  }
}

/** A problem as one line, with its field errors, or only those in `errors`. */
export function explain(thrown: unknown, errors?: FieldError[]) {
  const problem = asProblem(thrown);
  const fields = (errors ?? problem.body.errors ?? []).map(({ pointer, detail }) =>
    [pointer, detail].filter(Boolean).join(' '),
  );
  return [problem.message, ...fields].join(' · ');
}

export async function whoAmI() {
  try {
    me.value = (await request<{ agent: Agent }>('GET', '/v1/me')).agent;
  } catch (thrown) {
    const problem = asProblem(thrown);
    loggedOut(problem.status === 401 ? '' : problem.message);
  }
}

export async function login(body: Record<string, unknown>) {
  enter((await request<{ agent: Agent }>('POST', '/v1/login', { body })).agent);
}

/** Continues as an agent whom the server has logged in. */
export function enter(agent: Agent) {
  life.abort();
  life = new AbortController();
  loginNotice.value = trouble.value = '';
  me.value = agent;
}

export async function logout() {
  await attempt(() => call('POST', '/logout', {}));
  loggedOut();
}

export function loggedOut(why = '') {
  life.abort();
  me.value = null;
  loginNotice.value = why;
}

/** All items of a short list, up to a limit. */
export async function all<T>(path: string, limit = 1000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null && items.length < limit) {
    const query: string = `?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: Page<T> = await call<Page<T>>('GET', path + query);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/** The team by id. Only owners may list it; for others it contains only themselves. */
export const team = signal<Map<string, Agent>>(new Map());

export async function loadTeam() {
  const known: Agent[] = me.value ? [me.value] : [];
  try {
    if (me.value?.role === 'owner') known.push(...(await all<ListedAgent>('/agents')));
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
  }
  team.value = new Map(known.map((agent) => [agent.id, agent]));
}
