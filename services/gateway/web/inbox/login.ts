// Who is logged in, calls as them, and what went wrong last.
import { signal } from '@preact/signals';
import type { Agent, ListedAgent } from '../shared/api';
import type { Page } from '../shared/page';
import { Problem, asProblem, request, type FieldError, type Options } from '../shared/http';

/** The agent at the screen; null shows the login, undefined is not known yet. */
export const me = signal<Agent | null | undefined>(undefined);
/** Why the login is shown again. */
export const loginNotice = signal('');
/** A line for what went wrong. */
export const trouble = signal('');
/** What was just shown to work. */
export const success = signal('');

/** Lives as long as this login. */
export let life = new AbortController();

/** A call of /v1; a login that is over leads back to the form. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  options: Options = {},
): Promise<T> {
  try {
    return await request<T>(method, `/v1${path}`, { ...options, body });
  } catch (thrown) {
    if (asProblem(thrown).status === 401 && me.value) loggedOut('Please log in again.');
    throw thrown;
  }
}

/** Runs what a person started, and shows what went wrong. Answers undefined then. */
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

/** Goes on as an agent whom the server has logged in. */
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

/** All pages of a list that is short by nature, to a bound. */
export async function all<T>(path: string, most = 1000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = '';
  while (cursor !== null && items.length < most) {
    const query: string = `?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: Page<T> = await call<Page<T>>('GET', path + query);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/** The team, by id; agents may not list it, and then only oneself is known by name. */
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
