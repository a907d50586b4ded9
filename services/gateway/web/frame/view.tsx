// What the chat shows, and what a person does there.
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { MAX_GREETING_LENGTH, MAX_TITLE_LENGTH } from '../shared/look';
import { notice, session, visible } from './chat';
import { Composer } from './composer';
import { Form } from './form';
import { Icon } from './icons';
import { Messages, isBlocked } from './messages';
import { online, unreachable } from './network';
import { alone, tellPage } from './page-link';
import type { Session } from './session';
import { Faces, namesOf, teamOf } from './team';
import { fill, format, isolated, ready, t } from './texts';
import { followLook } from './theme';

// The whole page of an app's web view closes only where an app listens; `alone` means the page is ours.
const closable =
  !alone || !!(parent as { OnethreadApp?: { native: boolean } }).OnethreadApp?.native;
const close = () => tellPage({ onethread: 'close' });
// A gap that is over at once isn't told.
const GAP_MS = 1_500;
const TROUBLE_MS = 8_000;

export function Chat() {
  const at = session.value;
  useEffect(followLook, []);
  useEffect(() => {
    if (!closable) return;
    const onKey = ({ key }: KeyboardEvent) => key === 'Escape' && close();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const shows = at && ready.value;
  return (
    <>
      <Head at={shows ? at : null} />
      <Notice />
      <main>{shows ? <Open key={at} /> : !notice.value && <Loading />}</main>
    </>
  );
}

/** A text of the application's look, where its owner set one. */
function ownText(at: Session | null, name: string, longest: number) {
  const text = at?.settings.look?.[name];
  return typeof text === 'string' && text.trim() ? text.slice(0, longest) : undefined;
}

function Head({ at }: { at: Session | null }) {
  const messages = at?.thread.messages.value ?? [];
  const begins = !!at && !messages.length && !at.outbox.value.length;
  const team = teamOf(messages);
  return (
    <header class={begins ? 'tall' : ''}>
      {team.length > 0 && <Faces team={team} />}
      <div class="words">
        {begins ? <Greeting at={at} /> : <Title at={at} names={namesOf(team, format.value)} />}
      </div>
      {closable && (
        <button type="button" id="close" aria-label={t.value.close} onClick={close}>
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

/** Before the first message. A generated name is the team's help to tell visitors apart: the person isn't called by it. */
function Greeting({ at }: { at: Session }) {
  const { name, nameGenerated } = at.contact.value;
  return (
    <>
      <p id="who">
        {name && !nameGenerated ? fill(t.value.hi, { name: isolated(name) }) : t.value.hiThere}
      </p>
      <h1 dir="auto">{ownText(at, 'greeting', MAX_GREETING_LENGTH) ?? t.value.help}</h1>
      <ReplyTime at={at} />
    </>
  );
}

function Title({ at, names }: { at: Session | null; names: string }) {
  const title = ownText(at, 'title', MAX_TITLE_LENGTH) ?? t.value.title;
  return (
    <>
      <h1 dir="auto">{names || title}</h1>
      {at && <ReplyTime at={at} />}
    </>
  );
}

/** How soon the team replies, where the look says it. */
function ReplyTime({ at }: { at: Session }) {
  const { replyTime } = at.settings.look ?? {};
  const texts: Record<string, string> = t.value.replyTime;
  if (typeof replyTime !== 'string' || !Object.hasOwn(texts, replyTime)) return null;
  return <p id="reply-time">{texts[replyTime]}</p>;
}

function Notice() {
  const away = useSignal(false);
  useSignalEffect(() => {
    const live = session.value?.live.value ?? true;
    away.value = false;
    if (live) return void (unreachable.value = false);
    const timer = setTimeout(() => (away.value = true), GAP_MS);
    return () => clearTimeout(timer);
  });
  // What went wrong once needn't stay.
  useSignalEffect(() => {
    if (!session.value || !notice.value) return;
    const timer = setTimeout(() => (notice.value = ''), TROUBLE_MS);
    return () => clearTimeout(timer);
  });
  const at = session.value;
  const unheard = unreachable.value && (!at || !at.live.value || at.outbox.value.length > 0);
  const text = !online.value
    ? t.value.offline
    : notice.value || (away.value || unheard ? t.value.reconnecting : '');
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
  const at = session.value!;
  const form = at.form.value;
  const scroller = useRef<HTMLDivElement>(null);
  const empty = useComputed(() => !at.thread.messages.value.length && !at.outbox.value.length);
  const blocked = at.outbox.value.some(isBlocked);
  // Coming into sight, the first thing to fill in gets the focus.
  useSignalEffect(() => {
    if (!visible.value || !session.value || session.value.form.value === undefined) return;
    // After what changed is drawn.
    setTimeout(() => document.querySelector<HTMLElement>('#fields input, #text')?.focus());
  });
  // A blocked person who opens the chat again may be blocked no longer.
  useSignalEffect(() => {
    if (visible.value) for (const { id } of at.outbox.peek().filter(isBlocked)) at.again(id);
  });
  return (
    <>
      <div id="scroller" role="group" tabIndex={0} aria-label={t.value.chat} ref={scroller}>
        <Messages at={at} scroller={scroller} />
        {form ? <Form form={form} /> : empty.value && <Hello />}
      </div>
      {blocked && (
        <p id="blocked" role="status">
          {t.value.blocked}
        </p>
      )}
      {!form && !blocked && <Composer at={at} />}
    </>
  );
}

const Hello = () => (
  <div id="hello">
    <Icon name="chat" />
    <p>{t.value.hello}</p>
  </div>
);
