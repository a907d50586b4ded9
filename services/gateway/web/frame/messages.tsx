// The thread: the stored messages, then those that are still to be sent.
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../shared/api';
import { findLast } from '../shared/browser';
import { Text, When } from '../shared/text';
import { beginsDay, dayName, inOneRun, lastSeen } from '../shared/runs';
import { notice } from './chat';
import { Icon } from './icons';
import { online } from './network';
import { MAX_TEXT_LENGTH, type Pending, type Session } from './session';
import { Face, teamOf } from './team';
import { fill, format, isolated, number, t } from './texts';

// At the end of a long thread only its last messages stay in the page.
const MAX_MESSAGES = 300;
const MESSAGES_AFTER_TRIM = 150;

export function Messages({
  session,
  scroller,
}: {
  session: Session;
  scroller: RefObject<HTMLDivElement | null>;
}) {
  const messages = session.thread.messages.value;
  const outbox = session.outbox.value;
  const fetching = useSignal(false);
  const away = useSignal(false);
  const before = useRef({ first: 0, last: 0, waiting: 0, height: 0, atEnd: true });

  // Loading earlier messages doesn't move the visible ones. At the end of the thread the view follows new messages.
  useLayoutEffect(() => {
    const box = scroller.current!;
    const was = before.current;
    const now = {
      first: messages[0]?.seq ?? 0,
      last: session.thread.last,
      waiting: outbox.length,
      height: box.scrollHeight,
      atEnd: true,
    };
    const older = was.last && now.first < was.first;
    if (older) box.scrollTop += box.scrollHeight - was.height;
    else if (was.atEnd || now.waiting > was.waiting) box.scrollTop = box.scrollHeight;
    before.current = { ...now, atEnd: was.atEnd || now.waiting > was.waiting };
    if (before.current.atEnd && messages.length > MAX_MESSAGES)
      session.thread.keepLast(MESSAGES_AFTER_TRIM);
  }, [messages, outbox, session.agentTyping.value]);

  const earlier = async () => {
    if (fetching.value || !session.thread.hasEarlier) return;
    fetching.value = true;
    await session.thread.earlier().catch(() => (notice.value = t.value.trouble));
    fetching.value = false;
  };
  useLayoutEffect(() => {
    const box = scroller.current!;
    const onScroll = () => {
      before.current.atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
      before.current.height = box.scrollHeight;
      away.value = !before.current.atEnd;
      if (box.scrollTop < 100) void earlier();
    };
    box.addEventListener('scroll', onScroll, { passive: true });
    // After the chat opens, or a keyboard makes it smaller, the end of the thread stays visible.
    const watch = new ResizeObserver(
      () => before.current.atEnd && (box.scrollTop = box.scrollHeight),
    );
    watch.observe(box);
    return () => {
      box.removeEventListener('scroll', onScroll);
      watch.disconnect();
    };
  }, []);

  const seen = lastSeen(messages, 'contact', session.seenTo.value);
  const sent = findLast(
    messages,
    ({ author, kind }) => author.kind === 'contact' && kind === 'text',
  )?.seq;
  return (
    <>
      {session.thread.hasEarlier && (
        <button
          type="button"
          id="earlier"
          class="quiet"
          disabled={fetching.value}
          onClick={earlier}
        >
          {t.value.earlier}
        </button>
      )}
      <div role="log" aria-label={t.value.messages}>
        <ol id="thread">
          {messages.map((message, index) => (
            <Row
              key={message.seq}
              message={message}
              before={messages[index - 1]}
              next={messages[index + 1]}
              mark={message.seq === seen ? 'seen' : message.seq === sent ? 'sent' : undefined}
            />
          ))}
        </ol>
      </div>
      <ol id="pending" aria-label={t.value.sending}>
        {outbox.map((item) => (
          <PendingRow key={item.id} item={item} session={session} />
        ))}
      </ol>
      <p class="typing" role="status">
        {session.agentTyping.value && (
          <>
            <span class="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            <span class="small">{typingText(messages)}</span>
          </>
        )}
      </p>
      {away.value && (
        <button
          type="button"
          id="newest"
          aria-label={t.value.newest}
          onClick={() => (scroller.current!.scrollTop = scroller.current!.scrollHeight)}
        >
          <Icon name="down" />
        </button>
      )}
    </>
  );
}

/** The typing event doesn't name the agent: the name is known only while a single teammate has replied. */
function typingText(messages: Message[]) {
  const [first, ...others] = teamOf(messages);
  return first && !others.length
    ? fill(t.value.typing, { name: isolated(first.name) })
    : t.value.someoneTyping;
}

interface RowProps {
  message: Message;
  before?: Message;
  next?: Message;
  mark?: 'sent' | 'seen';
}

function Row({ message, before, next, mark }: RowProps) {
  const { author, kind, text, createdAt } = message;
  const day = beginsDay(message, before) && <p class="day">{dayName(createdAt, format.value)}</p>;
  if (kind === 'event') {
    return (
      <li class="event">
        {day}
        <p class="text">{text}</p>
      </li>
    );
  }
  const mine = author.kind === 'contact';
  const continues = inOneRun(message, next);
  return (
    <li class={`${mine ? 'mine' : 'theirs'} ${continues ? 'goes-on' : ''}`}>
      {day}
      {!mine && !inOneRun(before, message) && author.name && (
        <p class="small">
          <bdi>{author.name}</bdi>
        </p>
      )}
      <div class="line">
        {!mine && !continues && <Face name={author.name ?? ''} />}
        <p class="text" dir="auto">
          <Text text={text} />
        </p>
      </div>
      {(!continues || mark) && (
        <p class="small">
          <When at={createdAt} locale={format.value} dayKnown />
          {mark && ` · ${t.value[mark]}`}
        </p>
      )}
    </li>
  );
}

/** Whether the message was rejected because the contact is blocked, so that a retry can't work. */
export const isBlocked = ({ error }: Pending) => error?.body.type === '/problems/blocked';

function PendingRow({ item, session }: { item: Pending; session: Session }) {
  const { id, text, error } = item;
  return (
    <li>
      <p class="text" dir="auto">
        {text}
      </p>
      <p class="small">
        {!error ? (
          session.live.value && online.value ? (
            t.value.sending
          ) : (
            t.value.waiting
          )
        ) : isBlocked(item) ? (
          <span class="error">{t.value.notSent}</span>
        ) : (
          <>
            <span class="error">
              {error.status === 400
                ? fill(t.value.tooLong, { max: number(MAX_TEXT_LENGTH) })
                : t.value.notSent}
              {' · '}
            </span>
            <button type="button" class="quiet" onClick={() => session.retry(id)}>
              {t.value.retry}
            </button>
          </>
        )}
      </p>
    </li>
  );
}
