// The chat: its head, the notice, the thread with the form or the composer.
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { MAX_GREETING_LENGTH, MAX_TITLE_LENGTH } from '../shared/look';
import { notice, session, visible } from './chat';
import { Composer } from './composer';
import { Form } from './form';
import { Icon } from './icons';
import { Messages, isBlocked } from './messages';
import { online, unreachable } from './network';
import { inApp, postToPage } from './page-link';
import type { Session } from './session';
import { Faces, namesOf, teamOf } from './team';
import { fill, format, isolated, ready, t } from './texts';
import { followLook } from './theme';

// The page for apps can be closed only if an app listens to it.
const closable =
  !inApp || !!(parent as { OnethreadApp?: { native: boolean } }).OnethreadApp?.native;
const close = () => postToPage({ onethread: 'close' });
// A shorter interruption isn't shown.
const RECONNECTING_DELAY_MS = 1_500;
const NOTICE_DURATION_MS = 8_000;

export function Chat() {
  const current = session.value;
  useEffect(followLook, []);
  useEffect(() => {
    if (!closable) return;
    const onKey = ({ key }: KeyboardEvent) => key === 'Escape' && close();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const isReady = current && ready.value;
  return (
    <>
      <Head current={isReady ? current : null} />
      <Notice />
      <main>{isReady ? <Open key={current} /> : !notice.value && <Loading />}</main>
    </>
  );
}

/** A text of the application's look, if its owner set one. */
function lookText(current: Session | null, name: string, maxLength: number) {
  const text = current?.settings.look?.[name];
  return typeof text === 'string' && text.trim() ? text.slice(0, maxLength) : undefined;
}

function Head({ current }: { current: Session | null }) {
  const messages = current?.thread.messages.value ?? [];
  const isNew = !!current && !messages.length && !current.outbox.value.length;
  const team = teamOf(messages);
  return (
    <header class={isNew ? 'tall' : ''}>
      {team.length > 0 && <Faces team={team} />}
      <div class="words">
        {isNew ? (
          <Greeting current={current} />
        ) : (
          <Title current={current} names={namesOf(team, format.value)} />
        )}
      </div>
      {closable && (
        <button type="button" id="close" aria-label={t.value.close} onClick={close}>
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

/** Shown before the first message. Generated names help agents to tell visitors apart; visitors don't see their own. */
function Greeting({ current }: { current: Session }) {
  const { name, nameGenerated } = current.contact.value;
  return (
    <>
      <p id="who">
        {name && !nameGenerated ? fill(t.value.hi, { name: isolated(name) }) : t.value.hiThere}
      </p>
      <h1 dir="auto">{lookText(current, 'greeting', MAX_GREETING_LENGTH) ?? t.value.help}</h1>
      <ReplyTime current={current} />
    </>
  );
}

function Title({ current, names }: { current: Session | null; names: string }) {
  const title = lookText(current, 'title', MAX_TITLE_LENGTH) ?? t.value.title;
  return (
    <>
      <h1 dir="auto">{names || title}</h1>
      {current && <ReplyTime current={current} />}
    </>
  );
}

/** How soon the team usually replies, if the look has it. */
function ReplyTime({ current }: { current: Session }) {
  const { replyTime } = current.settings.look ?? {};
  const texts: Record<string, string> = t.value.replyTime;
  if (typeof replyTime !== 'string' || !Object.hasOwn(texts, replyTime)) return null;
  return <p id="reply-time">{texts[replyTime]}</p>;
}

function Notice() {
  const interrupted = useSignal(false);
  useSignalEffect(() => {
    const live = session.value?.live.value ?? true;
    interrupted.value = false;
    if (live) return void (unreachable.value = false);
    const timer = setTimeout(() => (interrupted.value = true), RECONNECTING_DELAY_MS);
    return () => clearTimeout(timer);
  });
  // A notice disappears by itself while there is a session.
  useSignalEffect(() => {
    if (!session.value || !notice.value) return;
    const timer = setTimeout(() => (notice.value = ''), NOTICE_DURATION_MS);
    return () => clearTimeout(timer);
  });
  const current = session.value;
  const unanswered =
    unreachable.value && (!current || !current.live.value || current.outbox.value.length > 0);
  const text = !online.value
    ? t.value.offline
    : notice.value || (interrupted.value || unanswered ? t.value.reconnecting : '');
  return (
    <p id="notice" role="status" hidden={!text} class={online.value && notice.value ? '' : 'waits'}>
      {text}
    </p>
  );
}

const Loading = () => (
  <div id="loading" role="status">
    <span class="unseen">{t.value.loading}</span>
    <i />
    <i />
    <i class="mine" />
    <i />
  </div>
);

/** The thread with the form or the composer below it. */
function Open() {
  const current = session.value!;
  const form = current.form.value;
  const scroller = useRef<HTMLDivElement>(null);
  const empty = useComputed(
    () => !current.thread.messages.value.length && !current.outbox.value.length,
  );
  const blocked = current.outbox.value.some(isBlocked);
  // When the chat becomes visible, the first input gets the focus.
  useSignalEffect(() => {
    if (!visible.value || !session.value || session.value.form.value === undefined) return;
    // After the change has been rendered.
    setTimeout(() => document.querySelector<HTMLElement>('#fields input, #text')?.focus());
  });
  // The contact may have been unblocked since: opening the chat again retries the message.
  useSignalEffect(() => {
    if (visible.value)
      for (const { id } of current.outbox.peek().filter(isBlocked)) current.retry(id);
  });
  return (
    <>
      <div id="scroller" role="group" tabIndex={0} aria-label={t.value.chat} ref={scroller}>
        <Messages session={current} scroller={scroller} />
        {form ? <Form form={form} /> : empty.value && <Hello />}
      </div>
      {blocked && (
        <p id="blocked" role="status">
          {t.value.blocked}
        </p>
      )}
      {!form && !blocked && <Composer session={current} />}
    </>
  );
}

const Hello = () => (
  <div id="hello">
    <Icon name="chat" />
    <p>{t.value.hello}</p>
  </div>
);
