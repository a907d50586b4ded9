// The state of the chat: runs the page's calls one after the other, and starts and ends the session.
import { effect, signal } from '@preact/signals';
import type { Session as Answer, Message, Warning } from '../shared/api';
import { Problem, asProblem, persist, request } from '../shared/http';
import { inkOn, isColor } from '../shared/look';
import type { EventName, Look, Page, Setup, User } from '../shared/protocol';
import { tracked } from './network';
import { currentPage, emitEvent, lastPage, postToPage } from './page-link';
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
/** Why there is no session of that user. */
export let failure: EventName | undefined;
/** Whether a user has logged in since the last logout. */
let hasLoggedIn = false;
let muted = false;

const FIXES: Record<number, string> = {
  400: 'Fix this field of the user in the snippet.',
  401: 'Check organization, applicationId and applicationSecret (or appId) in the snippet.',
  403: 'Check that this page is among the allowed origins of the application.',
};

// The page's calls run one after the other.
let queue: Promise<void> = Promise.resolve();
function enqueue(step: () => Promise<void>) {
  queue = queue.then(step).catch((error) => console.error('Onethread:', error));
}

// Starting a session is retried until the page asks for another one. Other calls wait for it.
let starting = new AbortController();
function startSession(step: (signal: AbortSignal) => Promise<void>) {
  starting.abort();
  const { signal } = (starting = new AbortController());
  enqueue(() => step(signal));
}

/** Writes a line to the page's console. */
export const warnPage = (text: string) => postToPage({ onethread: 'problem', text });

export function useSetup(given: NonNullable<typeof setup>) {
  setup = given;
  muted = given.muted;
  changeUser(given.user, true);
}

/** Sets the page's user. With `restart` the chat starts a session for them. */
export function changeUser(user: User, restart: boolean) {
  setup!.user = user;
  postToPage({ onethread: 'user', user: JSON.stringify(user) });
  if (restart) startSession(begin);
}

export function mute(on: boolean) {
  muted = on;
}

/** Sends a text of the user; false if it is empty or there is no session. */
export function send(text: string) {
  if (!session.value || !text.trim()) return false;
  session.value.send(text);
  return true;
}

/** Sends a text for the page, once the chat has started. */
export function sendForPage(text: string) {
  enqueue(async () => {
    if (!send(text))
      warnPage('sendUserMessage sent nothing: the text is empty, or the chat has not started.');
  });
}

async function begin(signal: AbortSignal) {
  leave();
  failure = undefined;
  const page = lastPage();
  const { user } = setup!;
  try {
    replaceSession(await persist(signal, () => init(user, page)), false, user);
  } catch (thrown) {
    const problem = asProblem(thrown);
    const clean = problem.body.cleanSession as Answer | undefined;
    if (problem.status === 403 && clean) {
      replaceSession(clean, true, user);
      return fail('onIdentityRefused');
    }
    if (problem.isTemporary) return; // the page has asked for another session meanwhile
    warnPage(`the chat can't start: ${explain(problem)} ${FIXES[problem.status] ?? ''}`);
    fail('onError', { message: problem.message, status: problem.status });
  }
}

function fail(event: EventName, detail?: unknown) {
  failure = event;
  emitEvent(event, detail);
}

function init(user: User, page: Page) {
  const { applicationSecret, deviceToken, platform, timeZone } = setup!;
  // The same application as in the frame's address, whose allowed origins the server has checked.
  const application = Object.fromEntries(new URLSearchParams(location.search));
  const body = {
    ...application,
    applicationSecret,
    user,
    page,
    platform,
    locale: tag.value,
    timeZone,
    deviceToken: deviceToken ?? undefined,
  };
  return tracked(request<Answer>('POST', '/widget/v1/init', { token: null, body }));
}

const explain = ({ message, body }: Problem) =>
  [message, ...(body.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)].join(' ');

function leave() {
  session.value?.life.abort();
  session.value = null;
  notice.value = '';
  draft.value = '';
}

/** Replaces the session. The device token of a rejected login's clean session (`clean`) isn't stored by the page. */
function replaceSession(
  answer: Answer,
  clean: boolean,
  { security_hash, user_hash, user_jwt }: User,
) {
  leave();
  if (!clean) storeDevice(answer);
  failure = undefined;
  if (answer.mode === 'contact') hasLoggedIn = true;
  const proof = JSON.stringify([clean, security_hash, user_hash, !!user_jwt]);
  session.value = new Session(answer, clean, proof, {
    page: currentPage,
    context,
    sent: (message) => emitMessage('onCustomerMessage', message),
    rejected: ({ message, status }) => emitEvent('onError', { message, status }),
    ended: () => {
      leave();
      notice.value = t.value.ended;
      postToPage({ onethread: 'state', unread: 0, labels: labels(), style });
      fail('onSessionEnded');
    },
    restart: () => postToPage({ onethread: 'restart' }),
    replied: (messages) => {
      for (const message of messages) emitMessage('onAgentMessage', message);
      if (!messages.length || visible.value) return;
      if (!muted) beep();
      const unread = session.value?.unread.value ?? 0;
      const text = messages.at(-1)!.text;
      emitEvent('onNewUnreadChat', { unread, text, unreadChats: unread ? 1 : 0 });
      emitEvent('onNewUnreadMessages', { unread, text, unreadMessages: unread });
    },
    failed: () => (notice.value = t.value.trouble),
  });
  warn(answer.warnings);
  emitEvent('onReady', { mode: answer.mode, name: answer.contact.name });
}

// With the members that HelpCrunch's listeners read.
function emitMessage(name: 'onCustomerMessage' | 'onAgentMessage', { text, author }: Message) {
  const detail = { message: { text, content: text, author_name: author.name } };
  emitEvent(name, detail);
  emitEvent('onMessage', detail);
}

function storeDevice({ session }: Answer) {
  setup!.deviceToken = session.deviceToken;
  postToPage({ onethread: 'device', deviceToken: session.deviceToken });
}

// The clean session after a rejected login doesn't send the rejected profile.
function context(): Record<string, unknown> {
  if (session.value?.clean) return {};
  const { user_id, security_hash, user_hash, user_jwt, ...user } = setup!.user;
  return { user };
}

function warn(warnings: Warning[] = []) {
  for (const { pointer, detail } of warnings) {
    warnPage(`${pointer} ${detail}. Check it in the snippet.`);
  }
}

/** Sends the pre-chat form; throws a Problem that names its fields. */
export async function fillIn(fields: Record<string, string | null>) {
  const current = session.value!;
  try {
    const answer = await current.fillIn(fields);
    if (current !== session.value) return;
    if (!current.clean) storeDevice(answer);
    warn(answer.warnings);
    const { name, email, phone, company } = answer.contact;
    emitEvent('onPreChatFormSubmit', { userData: { name, email, phone, company } });
  } catch (problem) {
    if (asProblem(problem).status === 401 && current === session.value) return showEnded();
    throw problem;
  }
}

function showEnded() {
  leave();
  notice.value = t.value.ended;
}

export function update(user: User) {
  enqueue(async () => {
    const current = session.value;
    if (!current || current.clean)
      return warnPage(
        'updateUser changed nothing: the chat has not started, or the user was rejected.',
      );
    await current.update(user).then(warn, reportFailure('updateUser'));
  });
}

export function track(name: string, data?: Record<string, unknown>) {
  enqueue(async () => session.value?.track(name, data).catch(reportFailure('trackEvent')));
}

const reportFailure = (what: string) => (thrown: unknown) => {
  const problem = asProblem(thrown);
  warnPage(`${what} failed: ${explain(problem)}`);
  emitEvent('onError', { message: problem.message, status: problem.status });
};

/** Ends the session. The chat continues as a visitor, who is new if a user was logged in. */
export function logOut() {
  changeUser({}, false);
  startSession(async (signal) => {
    const old = session.value;
    leave();
    if (hasLoggedIn) {
      hasLoggedIn = false;
      setup!.deviceToken = null;
      postToPage({ onethread: 'forget' });
      try {
        if (old && !old.clean) return replaceSession(await old.logout(), false, {});
      } catch (thrown) {
        if (!(thrown instanceof Problem && thrown.status === 401)) reportFailure('logout')(thrown);
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

// Sends the page what its button shows: the unread count, the look, and the texts.
effect(() => {
  const current = session.value;
  if (!current) return;
  postToPage({
    onethread: 'state',
    unread: current.unread.value,
    look: lookOf(current.settings.look),
    labels: labels(),
    style,
  });
  emitEvent('onUnreadCountChange', current.unread.value);
});

// Visible messages count as read.
const markRead = () => {
  if (visible.value && !document.hidden) session.value?.read();
};
effect(() => {
  if (session.value?.unread.value) markRead();
});
document.addEventListener('visibilitychange', markRead);

/** The valid members of an application's look that the button needs, with a text color of enough contrast. */
export function lookOf(look: Record<string, unknown> = {}): Look {
  const { side } = look;
  const color = isColor(look.color) ? look.color : undefined;
  return {
    color,
    ink: color && inkOn(color),
    side: side === 'left' ? 'left' : undefined,
  };
}
