// The life of the chat: what the page asks for, one thing after the other, and the session that comes of it.
import { effect, signal } from '@preact/signals';
import type { Session as Answer, Message, Warning } from '../shared/api';
import { Problem, asProblem, persist, request } from '../shared/http';
import { inkOn, isColor } from '../shared/look';
import type { EventName, Look, Page, Setup, User } from '../shared/protocol';
import { watched } from './network';
import { currentPage, lastPage, tellEvent, tellPage } from './page-link';
import { Session } from './session';
import { beep } from '../shared/sound';
import { t, tag, unreadText } from './texts';
import style from '../widget/style.css?inline';

/** The session in use. */
export const session = signal<Session | null>(null);
/** A line above the thread. */
export const notice = signal('');
/** Whether the page shows the frame. */
export const visible = signal(false);
/** The text in the composer. */
export const draft = signal('');
/** Writing direction of the page. */
export const pageDirection = signal('ltr');
/** What the page's `color-scheme` says. */
export const pageScheme = signal('');

/** What the page began with, its user as of now. */
export let setup: (Omit<Setup, 'user'> & { user: User }) | undefined;
/** Why the session of that user is not there. */
export let trouble: EventName | undefined;
/** Whether somebody has logged in since the last logout. */
let entered = false;
let muted = false;

const MEND: Record<number, string> = {
  400: 'Mend this field of the user in the snippet.',
  401: 'Check organization, applicationId and applicationSecret (or appId) in the snippet.',
  403: 'This page is not among the origins of the application, or the person is blocked.',
};

// What the page asks for happens one after the other.
let line: Promise<void> = Promise.resolve();
function next(step: () => Promise<void>) {
  line = line.then(step).catch((error) => console.error('Onethread:', error));
}

// Starting a session retries until the next one is asked for. Other calls wait for it.
let turn = new AbortController();
function nextSession(step: (signal: AbortSignal) => Promise<void>) {
  turn.abort();
  const { signal } = (turn = new AbortController());
  next(() => step(signal));
}

/** A line for the page's console. */
export const tell = (text: string) => tellPage({ onethread: 'problem', text });

export function useSetup(given: NonNullable<typeof setup>) {
  setup = given;
  muted = given.muted;
  changeUser(given.user, true);
}

/** Sets the page's user. With `restart` the chat starts a session for them. */
export function changeUser(user: User, restart: boolean) {
  setup!.user = user;
  tellPage({ onethread: 'user', user: JSON.stringify(user) });
  if (restart) nextSession(begin);
}

export function mute(on: boolean) {
  muted = on;
}

/** Takes a text of the person; answers whether it was taken. */
export function say(text: string) {
  if (!session.value || !text.trim()) return false;
  session.value.send(text);
  return true;
}

/** Sends a text that the page says for the person, once the chat has started. */
export function sayForPage(text: string) {
  next(async () => {
    if (!say(text))
      tell('sendUserMessage sent nothing: the text is empty, or the chat has not started.');
  });
}

async function begin(signal: AbortSignal) {
  leave();
  trouble = undefined;
  const page = lastPage();
  const { user } = setup!;
  try {
    adopt(await persist(signal, () => init(user, page)), false, user);
  } catch (thrown) {
    const problem = asProblem(thrown);
    const clean = problem.body.cleanSession as Answer | undefined;
    if (problem.status === 403 && clean) {
      adopt(clean, true, user);
      return fail('onIdentityRefused');
    }
    if (problem.passing) return; // the page asked for something else meanwhile
    tell(`the chat can't start: ${explain(problem)} ${MEND[problem.status] ?? ''}`);
    fail('onError', { message: problem.message, status: problem.status });
  }
}

function fail(why: EventName, detail?: unknown) {
  trouble = why;
  tellEvent(why, detail);
}

function init(user: User, page: Page) {
  const { applicationSecret, deviceToken, platform, timeZone } = setup!;
  // The server looked at who may hold the frame for the application that its address names.
  const named = Object.fromEntries(new URLSearchParams(location.search));
  const body = {
    ...named,
    applicationSecret,
    user,
    page,
    platform,
    locale: tag.value,
    timeZone,
    deviceToken: deviceToken ?? undefined,
  };
  return watched(request<Answer>('POST', '/widget/v1/init', { token: null, body }));
}

const explain = ({ message, body }: Problem) =>
  [message, ...(body.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)].join(' ');

function leave() {
  session.value?.life.abort();
  session.value = null;
  notice.value = '';
  draft.value = '';
}

/** Goes on with a session the server gave. That of a refusal (`clean`) is never kept by the page. */
function adopt(answer: Answer, clean: boolean, { security_hash, user_hash, user_jwt }: User) {
  leave();
  if (!clean) keepDevice(answer);
  trouble = undefined;
  if (answer.mode === 'contact') entered = true;
  const proof = JSON.stringify([clean, security_hash, user_hash, !!user_jwt]);
  session.value = new Session(answer, clean, proof, {
    page: currentPage,
    context,
    sent: (message) => tellMessage('onCustomerMessage', message),
    refused: ({ message, status }) => tellEvent('onError', { message, status }),
    ended: () => {
      leave();
      notice.value = t.value.ended;
      tellPage({ onethread: 'state', unread: 0, labels: labels(), style });
      fail('onSessionEnded');
    },
    restart: () => tellPage({ onethread: 'restart' }),
    answered: (messages) => {
      for (const message of messages) tellMessage('onAgentMessage', message);
      if (!messages.length || visible.value) return;
      if (!muted) beep();
      const unread = session.value?.unread.value ?? 0;
      const text = messages.at(-1)!.text;
      tellEvent('onNewUnreadChat', { unread, text, unreadChats: unread ? 1 : 0 });
      tellEvent('onNewUnreadMessages', { unread, text, unreadMessages: unread });
    },
    failed: () => (notice.value = t.value.trouble),
  });
  warn(answer.warnings);
  tellEvent('onReady', { mode: answer.mode, name: answer.contact.name });
}

// As HelpCrunch's listeners read it.
function tellMessage(name: 'onCustomerMessage' | 'onAgentMessage', { text, author }: Message) {
  const detail = { message: { text, content: text, author_name: author.name } };
  tellEvent(name, detail);
  tellEvent('onMessage', detail);
}

function keepDevice({ session }: Answer) {
  setup!.deviceToken = session.deviceToken;
  tellPage({ onethread: 'device', deviceToken: session.deviceToken });
}

// A refused page's claims stay out of what its visitor says.
function context(): Record<string, unknown> {
  if (session.value?.clean) return {};
  const { user_id, security_hash, user_hash, user_jwt, ...user } = setup!.user;
  return { user };
}

function warn(warnings: Warning[] = []) {
  for (const { pointer, detail } of warnings) {
    tell(`${pointer} was left as it was: ${detail}. Mend it in the snippet.`);
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
    const { name, email, phone, company } = answer.contact;
    tellEvent('onPreChatFormSubmit', { userData: { name, email, phone, company } });
  } catch (problem) {
    if (asProblem(problem).status === 401 && at === session.value) return endedNow();
    throw problem;
  }
}

function endedNow() {
  leave();
  notice.value = t.value.ended;
}

export function update(user: User) {
  next(async () => {
    const at = session.value;
    if (!at || at.clean)
      return tell('updateUser changed nothing: the chat has not started, or the user was refused.');
    await at.update(user).then(warn, refused('updateUser'));
  });
}

export function track(name: string, data?: Record<string, unknown>) {
  next(async () => session.value?.track(name, data).catch(refused('trackEvent')));
}

const refused = (what: string) => (thrown: unknown) => {
  const problem = asProblem(thrown);
  tell(`${what} failed: ${explain(problem)}`);
  tellEvent('onError', { message: problem.message, status: problem.status });
};

/** Ends the session; the browser continues as a visitor, a new one if somebody was logged in. */
export function logOut() {
  changeUser({}, false);
  nextSession(async (signal) => {
    const old = session.value;
    leave();
    if (entered) {
      entered = false;
      setup!.deviceToken = null;
      tellPage({ onethread: 'forget' });
      try {
        if (old && !old.clean) return adopt(await old.logout(), false, {});
      } catch (thrown) {
        if (!(thrown instanceof Problem && thrown.status === 401)) refused('logout')(thrown);
      }
    }
    await begin(signal);
  });
}

const labels = () => ({
  open: t.value.open,
  close: t.value.close,
  unread: unreadText(session.value?.unread.value ?? 0),
});

// The button follows what is unread, the look and the language.
effect(() => {
  const at = session.value;
  if (!at) return;
  tellPage({
    onethread: 'state',
    unread: at.unread.value,
    look: lookOf(at.settings.look),
    labels: labels(),
    style,
  });
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

/** An application's look, as far as it is one, with the ink that is read on its color. */
export function lookOf(look: Record<string, unknown> = {}): Look {
  const { side } = look;
  const color = isColor(look.color) ? look.color : undefined;
  return {
    color,
    ink: color && inkOn(color),
    side: side === 'left' ? 'left' : undefined,
  };
}
