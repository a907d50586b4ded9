// The life of the chat: what the page asks for, one thing after the other, and the session that comes of it.
import { effect, signal } from '@preact/signals';
import type { Session as Answer, Warning } from '../shared/api';
import { Problem, asProblem, persist, request } from '../shared/http';
import type { FromPage, Look, Page, Setup, User } from '../shared/protocol';
import { tellEvent, tellPage } from './page-link';
import { Session } from './session';
import { beep } from '../shared/sound';
import { locale, t, tag } from './texts';

/** The session in use. */
export const session = signal<Session | null>(null);
/** A line above the thread. */
export const notice = signal('');
/** Whether the page shows the frame. */
export const visible = signal(false);
/** What stands in the composer. */
export const draft = signal('');
/** Writing direction of the page. */
export const pageDirection = signal('ltr');

let setup: Setup | undefined;
let muted = false;

const MEND: Record<number, string> = {
  400: 'Mend this field of the user in the snippet.',
  401: 'Check organization, applicationId and applicationSecret (or appId) in the snippet.',
  403: 'This page is not among the origins of the application, or the person is blocked.',
};

// What the page asks for happens one after the other; whoever waits to try again gives way to the next.
let line: Promise<void> = Promise.resolve();
let turn = new AbortController();
function next(step: (signal: AbortSignal) => Promise<void>) {
  turn.abort();
  const mine = (turn = new AbortController());
  line = line.then(() => step(mine.signal)).catch((error) => console.error('Onethread:', error));
}

/** Does what the page says. */
export function hear(said: FromPage) {
  switch (said.onethread) {
    case 'start': {
      const { onethread, ...given } = said;
      setup = { ...given, page: short(given.page) };
      locale.value = given.locale;
      pageDirection.value = given.dir;
      return next(begin);
    }
    case 'update':
      if (setup) setup.settings.user = { ...setup.settings.user, ...said.user };
      return next(() => update(said.user));
    case 'logout':
      if (setup) setup = { ...setup, settings: { ...setup.settings, user: {} }, deviceToken: null };
      return next(logout);
    case 'visible':
      visible.value = said.visible;
      if (setup) setup.page = short(said.page);
      return;
    case 'track':
      return next(() => track(said.name, said.data));
    case 'say':
      return next(async () => void say(said.text));
    case 'type':
      return next(async () => void (draft.value = String(said.text ?? '')));
    case 'mute':
      muted = said.muted;
      return;
    case 'locale':
      locale.value = said.locale;
  }
}

// As much of each as the server takes.
const short = ({ url, title, referrer }: Page): Page => ({ url: url.slice(0, 2048), title: title.slice(0, 255), referrer: referrer.slice(0, 2048) });

/** Takes a text of the person; answers whether it was taken. */
export function say(text: string) {
  if (!session.value || typeof text !== 'string' || !text.trim()) return false;
  session.value.send(text);
  return true;
}

async function begin(signal: AbortSignal) {
  leave();
  const { settings, deviceToken, page, platform, timeZone } = setup!;
  const { applicationSecret, user } = settings;
  // The server looked at who may hold the frame for the application that its address names.
  const named = Object.fromEntries(new URLSearchParams(location.search));
  const body = { ...named, applicationSecret, user, page, platform, locale: tag.value, timeZone, deviceToken: deviceToken ?? undefined };
  try {
    adopt(await persist(signal, () => request<Answer>('POST', '/widget/v1/init', { token: null, body })), false);
  } catch (thrown) {
    const problem = asProblem(thrown);
    const clean = problem.body.cleanSession as Answer | undefined;
    if (problem.status === 403 && clean) {
      adopt(clean, true);
      return tellEvent('onIdentityRefused');
    }
    if (problem.passing) return; // the page asked for something else meanwhile
    const where = (problem.body.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
    tellPage({ onethread: 'problem', text: `the chat can't start: ${problem.message} ${where} ${MEND[problem.status] ?? ''}` });
  }
}

function leave() {
  session.value?.life.abort();
  session.value = null;
  notice.value = '';
  draft.value = '';
}

/** Goes on with a session the server gave. That of a refusal (`clean`) is never kept by the page. */
function adopt(answer: Answer, clean: boolean) {
  leave();
  if (!clean) keepDevice(answer);
  const { security_hash, user_hash, user_jwt } = setup!.settings.user;
  const proof = JSON.stringify([clean, security_hash, user_hash, !!user_jwt]);
  session.value = new Session(answer, clean, proof, {
    context,
    ended: () => {
      leave();
      notice.value = t.value.ended;
      tellPage({ onethread: 'state', unread: 0, labels: labels() });
      tellEvent('onSessionEnded');
    },
    restart: () => tellPage({ onethread: 'restart' }),
    answered: (messages) => {
      if (!messages.length || visible.value) return;
      if (!muted) beep();
      tellEvent('onNewUnreadChat', { unread: session.value?.unread.value, text: messages.at(-1)!.text });
    },
    failed: (text) => (notice.value = text),
  });
  warn(answer.warnings);
  tellEvent('onReady', { mode: answer.mode, name: answer.contact.name });
}

function keepDevice({ session }: Answer) {
  setup!.deviceToken = session.deviceToken;
  tellPage({ onethread: 'device', deviceToken: session.deviceToken });
}

// A refused page's claims stay out of what its visitor says.
function context(): Record<string, unknown> {
  const { page, settings } = setup!;
  if (session.value?.clean) return { page };
  const { user_id, security_hash, user_hash, user_jwt, ...user } = settings.user;
  return { user, page };
}

function warn(warnings: Warning[] = []) {
  for (const { pointer, detail } of warnings) {
    tellPage({ onethread: 'problem', text: `${pointer} was left as it was: ${detail}. Mend it in the snippet.` });
  }
}

/** Sends the form before the chat; throws a Problem that names its fields. */
export async function fillIn(fields: Record<string, string | null>) {
  const at = session.value!;
  try {
    const answer = await at.fillIn(fields);
    if (at !== session.value) return;
    if (!at.clean) keepDevice(answer);
    warn(answer.warnings);
  } catch (problem) {
    if (asProblem(problem).status === 401 && at === session.value) return endedNow();
    throw problem;
  }
}

function endedNow() {
  leave();
  notice.value = t.value.ended;
}

async function update(user: User) {
  const at = session.value;
  if (!at || at.clean) return;
  await at.update(user).then(warn, refused('updateUser'));
}

async function track(name: string, data?: Record<string, unknown>) {
  await session.value?.track(name, data).catch(refused('trackEvent'));
}

const refused = (what: string) => (thrown: unknown) => {
  const problem = asProblem(thrown);
  const where = (problem.body.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  tellPage({ onethread: 'problem', text: `${what} failed: ${problem.message} ${where}` });
};

async function logout() {
  const old = session.value;
  leave();
  if (!old) return tellPage({ onethread: 'restart' });
  try {
    adopt(await old.logout(), false);
  } catch (thrown) {
    if (!(thrown instanceof Problem && thrown.status === 401)) refused('logout')(thrown);
    tellPage({ onethread: 'restart' });
  }
}

const labels = () => ({ open: t.value.open, close: t.value.close, unread: t.value.unread });

// The button follows what is unread, the look and the language.
effect(() => {
  const at = session.value;
  if (!at) return;
  tellPage({ onethread: 'state', unread: at.unread.value, look: lookOf(at.settings.look), labels: labels() });
  tellEvent('onUnreadCountChange', at.unread.value);
});

// What is on the screen is read.
const read = () => {
  if (visible.value && !document.hidden) session.value?.read();
};
effect(() => {
  if (session.value?.unread.value) read();
});
document.addEventListener('visibilitychange', read);

/** An application's look, as far as it is one: a colour that can carry white letters is the owner's matter. */
export function lookOf(look: Record<string, unknown> = {}): Look {
  const { color, side } = look;
  return {
    color: typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color) ? color : undefined,
    side: side === 'left' ? 'left' : undefined,
  };
}
