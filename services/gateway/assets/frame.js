// The chat inside the widget's frame: session, form, thread, composer. The page around it (widget.js) keeps the
// device token; this frame holds the session's token, in memory only.
import { Problem, backoff, pause, request, uuid } from '/http.js';
import { followEvents } from '/sse.js';
import { Thread } from '/thread.js';
import * as view from '/widget/frame-view.js';

const LONGEST_TEXT = 20_000;
const NAMED_IN_ADDRESS = ['organization', 'applicationId', 'appId'];

let host = null; // origin of the page, learnt from its first message
let setup = null; // what the page said: settings, device token, page, locale, time zone
let session = null; // the session in use
let visible = false; // the page shows the frame
let reloads = 0; // reloads in a row, so that they slow down

// --- the page around the frame ---

function tellPage(type, detail) {
  if (!host) return;
  // A page from a file has the opaque origin "null", which can't be addressed.
  parent.postMessage({ onethread: type, ...detail }, host === 'null' ? '*' : host);
}

const fromPage = {
  __proto__: null,
  start(said) {
    // The server looked at who may hold the frame for the application that its address names.
    const named = new URLSearchParams(location.search);
    const same = (name) => named.getAll(name).join() === String(said.settings[name] || '');
    if (!NAMED_IN_ADDRESS.every(same)) return;
    setup = said;
    next(begin);
  },
  update({ user }) {
    setup.settings.user = { ...setup.settings.user, ...user };
    next(() => update(user));
  },
  logout() {
    setup.settings.user = {};
    setup.deviceToken = null;
    next(logout);
  },
  visible(said) {
    visible = said.visible;
    if (setup) setup.page = said.page;
    if (visible) view.enter();
    markRead();
  },
};

addEventListener('message', (event) => {
  if (event.source !== parent || (host && event.origin !== host)) return;
  const run = fromPage[event.data?.onethread];
  if (!run) return;
  host = event.origin;
  run(event.data);
});

// What the page asks for happens one after the other; whoever waits to try again gives way to the next.
let line = Promise.resolve();
let turn = new AbortController();
function next(step) {
  turn.abort();
  const mine = (turn = new AbortController());
  line = line.then(() => step(mine.signal)).catch((error) => console.error('Onethread:', error));
}

// --- calls ---

const call = (method, path, body, token = session.token) => request(method, `/widget/v1${path}`, { token, body });

/** Repeats what failed in passing until it works, another failure comes, or the signal fires. */
async function persist(signal, attempts, step) {
  for (let failures = 0; ; failures++) {
    try {
      return await step();
    } catch (problem) {
      if (!problem.passing || signal.aborted || failures + 1 >= attempts) throw problem;
      await pause(Math.max(problem.retryAfterMs ?? 0, backoff(failures)), signal);
      if (signal.aborted) throw problem;
    }
  }
}

// Until something of a visitor is stored, each call says again what init said. A refused page's claims stay out.
function context(at) {
  const { page, settings } = setup;
  if (at.stored) return {};
  if (at.clean) return { page };
  const { user_id, security_hash, user_hash, user_jwt, ...user } = settings.user;
  return { user, page };
}

// --- the session's life ---

async function begin(signal) {
  leave();
  const { settings, deviceToken, page, locale, timeZone } = setup;
  const { organization, applicationId, applicationSecret, appId, user } = settings;
  const body = { organization, applicationId, applicationSecret, appId, user, page, locale, timeZone, platform: 'web' };
  if (deviceToken) body.deviceToken = deviceToken;
  try {
    adopt(await persist(signal, Infinity, () => call('POST', '/init', body, null)), false);
  } catch (problem) {
    if (problem.status === 403 && problem.body.cleanSession) return adopt(problem.body.cleanSession, true);
    if (problem instanceof Problem && problem.passing) return; // the page asked for something else meanwhile
    tellInitProblem(problem);
  }
}

function tellInitProblem(problem) {
  const mend = {
    400: 'Mend this field of the user in the snippet.',
    401: 'Check organization, applicationId and applicationSecret of the snippet.',
    403: 'Send the proof of identity that the organization asks for.',
  };
  const where = (problem.body?.errors || []).map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
  tellPage('problem', { text: `the chat can't start: ${problem.message} ${where}`, mend: mend[problem.status] });
}

function leave() {
  session?.life.abort();
  session = null;
  view.clear();
}

/** Goes on with a session the server gave. That of a refusal (`clean`) is never kept by the page. */
function adopt(answer, clean) {
  leave();
  const { conversation, contact, preChat, mode } = answer;
  const life = new AbortController();
  const at = {
    token: answer.session.token,
    clean,
    life,
    stored: mode === 'contact' || conversation.id !== null,
    contact,
    visitor: mode !== 'contact',
    old: { unread: conversation.unread, last: conversation.lastSeq }, // what was unread at the beginning, up to which number
    news: [], // numbers of agents' messages that came since and are unread
    read: 0, // everything up to here is read, here or on another device
    outbox: [],
    sending: false,
  };
  session = at;
  at.thread = new Thread({
    fetchRun: (query) => call('GET', `/messages${query}`, undefined, at.token),
    onMessages: (messages) => arrived(at, messages),
    onProblem: (problem) => failed(at, problem),
    signal: life.signal,
  });
  at.thread.begin(conversation.messages);
  settle(at, answer, clean);
  view.chat({ contact, form: preChat.show ? preChat : null, earlier: at.thread.hasEarlier });
  if (visible) view.enter();
  at.live = true;
  follow(at);
  markRead();
}

// What an answer that holds a session means for the page.
function settle(at, answer, clean) {
  if (!clean) {
    setup.deviceToken = answer.session.deviceToken;
    tellPage('device', { deviceToken: setup.deviceToken });
  }
  tellUnread(at);
  warn(answer.warnings);
}

function warn(warnings = []) {
  for (const { pointer, detail } of warnings) {
    tellPage('problem', { text: `${pointer} was left as it was: ${detail}`, mend: 'Mend it in the snippet.' });
  }
}

function ended() {
  leave();
  view.ended();
  tellPage('state', { unread: 0 });
}

// A call of a session failed for good: without a session there is nothing to show.
function failed(at, problem) {
  if (at !== session) return;
  if (problem.status === 401) ended();
  else view.notice(problem.message);
}

async function logout() {
  const token = session?.token;
  leave();
  if (!token) return tellPage('restart');
  try {
    const never = new AbortController().signal;
    adopt(await persist(never, 5, () => call('POST', '/logout', {}, token)), false);
  } catch (problem) {
    if (problem.status !== 401) tellPage('problem', { text: `logout failed: ${problem.message}`, mend: '' });
    tellPage('restart');
  }
}

async function update(user) {
  const at = session;
  if (!at || at.clean) return;
  try {
    const answer = await call('PATCH', '/contact', user);
    warn(answer.warnings);
    if (at === session && answer.id) named(at, answer);
  } catch (problem) {
    tellPage('problem', { text: `updateUser failed: ${problem.message}`, mend: '' });
  }
}

function named(at, contact) {
  at.contact = contact;
  view.who(contact);
}

// --- the live stream ---

async function follow(at) {
  const signal = at.life.signal;
  const on = {
    __proto__: null,
    message: (message) => at.thread.receive(message),
    read: ({ side, seq }) => readBy(at, side, seq),
    contact: (contact) => named(at, contact),
    'session-ended': ended,
    reload: () => false,
  };
  while (!signal.aborted) {
    try {
      await followEvents('/widget/v1/events', {
        token: at.token,
        lastEventId: () => at.thread.last,
        onEvent(name, data) {
          if (name !== 'reload') reloads = 0;
          return on[name]?.(data) !== false;
        },
        onState: (live) => view.online(live),
        signal,
      });
    } catch (problem) {
      return failed(at, problem);
    }
    if (signal.aborted) return;
    // The server asks to fetch anew.
    await pause(backoff(reloads++), signal);
    if (signal.aborted) return;
    await fetchAnew(at);
  }
}

async function fetchAnew(at) {
  try {
    const { items } = await persist(at.life.signal, Infinity, () => call('GET', '/messages', undefined, at.token));
    if (at !== session) return;
    const before = at.thread.last;
    at.live = false;
    view.clearThread();
    at.thread.begin(items);
    at.live = true;
    at.news.push(...fromAgents(items.filter(({ seq }) => seq > before)));
    view.earlier(at.thread.hasEarlier);
    markRead();
    tellUnread(at);
  } catch (problem) {
    // A visitor's token stops when its thread joins a person: the page's next visitor is nobody's, and may begin.
    if (at === session && problem.status === 401 && at.visitor && !at.clean) tellPage('restart');
    else failed(at, problem);
  }
}

// --- messages ---

// New messages in order, from the session, the stream or an answer.
function arrived(at, messages) {
  if (at !== session) return;
  for (const { author, clientMessageId } of messages) {
    if (author.kind === 'contact') taken(at, clientMessageId);
  }
  view.append(messages);
  view.earlier(at.thread.hasEarlier);
  if (!at.live) return;
  at.news.push(...fromAgents(messages));
  markRead();
  tellUnread(at);
}

const fromAgents = (messages) => messages.filter(({ author }) => author.kind === 'agent').map(({ seq }) => seq);

// What was unread when the session began, and what came since.
const tellUnread = (at) => tellPage('state', { unread: at.old.unread + at.news.length });

function readTo(at, seq) {
  at.read = Math.max(at.read, seq);
  if (at.read >= at.old.last) at.old.unread = 0;
  at.news = at.news.filter((one) => one > at.read);
  tellUnread(at);
}

function taken(at, clientMessageId) {
  const index = at.outbox.findIndex((item) => item.id === clientMessageId);
  if (index < 0) return;
  at.outbox.splice(index, 1);
  view.sent(clientMessageId);
}

function readBy(at, side, seq) {
  if (side === 'agent') view.seen(seq);
  // The person read on another device.
  else readTo(at, seq);
}

async function markRead() {
  const at = session;
  if (!at || !visible || document.hidden || !(at.old.unread + at.news.length)) return;
  const seq = at.thread.last;
  readTo(at, seq);
  // Should it fail, the next message that is read says it as well.
  await call('POST', '/read', { seq }).catch(() => {});
}
document.addEventListener('visibilitychange', markRead);

// One after the other, so that a person's messages keep their order.
async function pump(at) {
  if (at.sending) return;
  at.sending = true;
  let item;
  while (at === session && (item = at.outbox.find(({ state }) => state === 'waiting'))) await deliver(at, item);
  at.sending = false;
}

async function deliver(at, item) {
  try {
    const message = await persist(at.life.signal, 5, () =>
      call('POST', '/messages', { clientMessageId: item.id, text: item.text, ...context(at) }, at.token),
    );
    at.stored = true;
    if (at !== session) return;
    taken(at, item.id);
    at.thread.receive(message);
  } catch (problem) {
    // It may have come back through the stream although the answer was lost.
    if (at !== session || !at.outbox.includes(item)) return;
    if (problem.status === 401) return ended();
    item.state = 'failed';
    view.unsent(item.id, problem.message, problem.status !== 409);
  }
}

view.onSend((text) => {
  if (!session || !text.trim()) return false;
  if ([...text].length > LONGEST_TEXT) {
    view.textError(`A message holds at most ${LONGEST_TEXT.toLocaleString()} characters.`);
    return false;
  }
  const item = { id: uuid(), text, state: 'waiting' };
  session.outbox.push(item);
  view.pending(item);
  pump(session);
  return true;
});

view.onRetry((id) => {
  const item = session?.outbox.find((one) => one.id === id);
  if (!item) return;
  item.state = 'waiting';
  pump(session);
});

view.onEarlier(async () => {
  const at = session;
  try {
    const items = await at.thread.earlier();
    if (at !== session) return;
    view.prepend(items);
    view.earlier(at.thread.hasEarlier);
  } catch (problem) {
    failed(at, problem);
  }
});

view.onForm(async (fields) => {
  const at = session;
  try {
    const answer = await call('POST', '/pre-chat', { fields, ...context(at) });
    if (at !== session) return;
    at.stored = true;
    at.token = answer.session.token;
    settle(at, answer, at.clean);
    view.chat({ contact: answer.contact, form: null, earlier: at.thread.hasEarlier });
    view.enter();
  } catch (problem) {
    if (at !== session) return;
    if (problem.status === 401) return ended();
    view.formErrors(problem.fieldErrors('/fields'), problem.message);
  }
});

view.onClose(() => tellPage('close'));

if (parent === window) view.notice('This page is shown inside the pages that carry the widget.');
else parent.postMessage({ onethread: 'ready' }, '*');
