// The agents' inbox as a whole: login, the three parts, the live stream. Each part is a module of its own.
import { followEvents } from '/sse.js';
import { request } from '/http.js';
import { part, say, show } from '/dom.js';
import * as conversations from '/inbox-conversations.js';
import * as contacts from '/inbox-contacts.js';
import * as imports from '/inbox-imports.js';

const PARTS = { conversations, contacts, imports };
let login = null; // aborts what lives as long as this login

/** A call of /v1; a login that is over leads back to the form. */
async function call(method, path, options) {
  try {
    return await request(method, `/v1${path}`, options);
  } catch (problem) {
    if (problem.status === 401 && login) loggedOut('Please log in again.');
    throw problem;
  }
}

/** Runs what a person started or an event asked for, and shows what went wrong. */
async function attempt(step) {
  try {
    say('problem', '');
    return await step();
  } catch (problem) {
    if (login && problem.status !== 401) say('problem', problem.message);
  }
}

function loggedIn(agent) {
  login = new AbortController();
  show('login', false);
  show('app', true);
  part('me').textContent = agent.name || agent.email;
  const tools = { call, attempt, agent, signal: login.signal };
  for (const one of Object.values(PARTS)) one.begin(tools);
  turn();
  follow(login.signal);
}

function loggedOut(why = '') {
  login?.abort();
  login = null;
  for (const one of Object.values(PARTS)) one.clear();
  part('login-form').elements.password.value = '';
  say('login-error', why);
  show('app', false);
  show('login', true);
}

async function follow(signal) {
  const on = {
    __proto__: null,
    reload: () => Object.values(PARTS).forEach((one) => one.reload()),
    conversation: conversations.changed,
    message: conversations.message,
    import: imports.changed,
  };
  try {
    await followEvents('/v1/events', {
      onEvent(name, data) {
        on[name]?.(data);
      },
      onState: (live) => say('state', live ? '' : 'Connecting…'),
      signal,
    });
  } catch {
    if (!signal.aborted) loggedOut('Please log in again.');
  }
}

function turn() {
  const name = location.hash.slice(1) in PARTS ? location.hash.slice(1) : 'conversations';
  for (const one of Object.keys(PARTS)) show(one, one === name);
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  PARTS[name].shown();
}

addEventListener('hashchange', () => login && turn());

part('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = event.target.querySelector('button');
  button.disabled = true;
  say('login-error', '');
  try {
    const body = Object.fromEntries(new FormData(event.target));
    const { agent } = await request('POST', '/v1/login', { body });
    loggedIn(agent);
  } catch (problem) {
    say('login-error', problem.message);
  }
  button.disabled = false;
});

part('logout').addEventListener('click', () =>
  attempt(async () => {
    await call('POST', '/logout', { body: {} });
    loggedOut();
  }),
);

try {
  const { agent } = await request('GET', '/v1/me');
  loggedIn(agent);
} catch (problem) {
  loggedOut(problem.status === 401 ? '' : problem.message);
}
