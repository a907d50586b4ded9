// The thread: what is stored, then what waits to be.
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../shared/api';
import { findLast } from '../shared/browser';
import { Text, When } from '../shared/text';
import { beginsDay, dayName, lastSeen, together } from '../shared/together';
import { notice } from './chat';
import { Icon } from './icons';
import { online } from './network';
import { LONGEST_TEXT, type Pending, type Session } from './session';
import { Face, teamOf } from './team';
import { fill, format, isolated, number, t } from './texts';

// Somebody at the end of a long thread holds its end alone.
const MOST = 300;
const KEPT = 150;

export function Messages({
  at,
  scroller,
}: {
  at: Session;
  scroller: RefObject<HTMLDivElement | null>;
}) {
  const messages = at.thread.messages.value;
  const outbox = at.outbox.value;
  const fetching = useSignal(false);
  const away = useSignal(false);
  const before = useRef({ first: 0, last: 0, waiting: 0, height: 0, atEnd: true });

  // Earlier messages leave in place what is being looked at; new ones are followed by whoever is at the end.
  useLayoutEffect(() => {
    const box = scroller.current!;
    const was = before.current;
    const now = {
      first: messages[0]?.seq ?? 0,
      last: at.thread.last,
      waiting: outbox.length,
      height: box.scrollHeight,
      atEnd: true,
    };
    const older = was.last && now.first < was.first;
    if (older) box.scrollTop += box.scrollHeight - was.height;
    else if (was.atEnd || now.waiting > was.waiting) box.scrollTop = box.scrollHeight;
    before.current = { ...now, atEnd: was.atEnd || now.waiting > was.waiting };
    if (before.current.atEnd && messages.length > MOST) at.thread.keepLast(KEPT);
  }, [messages, outbox, at.agentTyping.value]);

  const earlier = async () => {
    if (fetching.value || !at.thread.hasEarlier) return;
    fetching.value = true;
    await at.thread.earlier().catch(() => (notice.value = t.value.trouble));
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
    // A chat that is opened, or makes room for a keyboard, shows its end.
    const watch = new ResizeObserver(
      () => before.current.atEnd && (box.scrollTop = box.scrollHeight),
    );
    watch.observe(box);
    return () => {
      box.removeEventListener('scroll', onScroll);
      watch.disconnect();
    };
  }, []);

  const seen = lastSeen(messages, 'contact', at.seenTo.value);
  const sent = findLast(
    messages,
    ({ author, kind }) => author.kind === 'contact' && kind === 'text',
  )?.seq;
  return (
    <>
      {at.thread.hasEarlier && (
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
          <Waiting key={item.id} item={item} at={at} />
        ))}
      </ol>
      <p class="typing" role="status">
        {at.agentTyping.value && (
          <>
            <span class="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            <span class="small">{whoTypes(messages)}</span>
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

/** The stream doesn't say who types: it is known where one teammate alone talks with the person. */
function whoTypes(messages: Message[]) {
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
  const goesOn = together(message, next);
  return (
    <li class={`${mine ? 'mine' : 'theirs'} ${goesOn ? 'goes-on' : ''}`}>
      {day}
      {!mine && !together(before, message) && author.name && (
        <p class="small">
          <bdi>{author.name}</bdi>
        </p>
      )}
      <div class="line">
        {!mine && !goesOn && <Face name={author.name ?? ''} />}
        <p class="text" dir="auto">
          <Text text={text} />
        </p>
      </div>
      {(!goesOn || mark) && (
        <p class="small">
          <When at={createdAt} locale={format.value} dayKnown />
          {mark && ` · ${t.value[mark]}`}
        </p>
      )}
    </li>
  );
}

/** Whether the team takes no messages of this person: trying again wouldn't help. */
export const isBlocked = ({ refused }: Pending) => refused?.body.type === '/problems/blocked';

function Waiting({ item, at }: { item: Pending; at: Session }) {
  const { id, text, refused } = item;
  return (
    <li>
      <p class="text" dir="auto">
        {text}
      </p>
      <p class="small">
        {!refused ? (
          at.live.value && online.value ? (
            t.value.sending
          ) : (
            t.value.waiting
          )
        ) : isBlocked(item) ? (
          <span class="error">{t.value.notSent}</span>
        ) : (
          <>
            <span class="error">
              {refused.status === 400
                ? fill(t.value.tooLong, { max: number(LONGEST_TEXT) })
                : t.value.notSent}
              {' · '}
            </span>
            <button type="button" class="quiet" onClick={() => at.again(id)}>
              {t.value.retry}
            </button>
          </>
        )}
      </p>
    </li>
  );
}
