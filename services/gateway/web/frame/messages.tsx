// The thread: what is stored, then what waits to be.
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Message } from '../shared/api';
import { Text, When } from '../shared/text';
import { beginsDay, dayName, lastSeen, together } from '../shared/together';
import { notice } from './chat';
import type { Pending, Session } from './session';
import { t, tag } from './texts';

// Somebody at the end of a long thread holds its end alone.
const MOST = 300;
const KEPT = 150;

export function Messages({ at, scroller }: { at: Session; scroller: RefObject<HTMLDivElement | null> }) {
  const messages = at.thread.messages.value;
  const outbox = at.outbox.value;
  const fetching = useSignal(false);
  const away = useSignal(false);
  const before = useRef({ first: 0, last: 0, waiting: 0, height: 0, atEnd: true });

  // Earlier messages leave in place what is being looked at; new ones are followed by whoever is at the end.
  useLayoutEffect(() => {
    const box = scroller.current!;
    const was = before.current;
    const now = { first: messages[0]?.seq ?? 0, last: at.thread.last, waiting: outbox.length, height: box.scrollHeight, atEnd: true };
    const older = was.last && now.first < was.first;
    if (older) box.scrollTop += box.scrollHeight - was.height;
    else if (was.atEnd || now.waiting > was.waiting) box.scrollTop = box.scrollHeight;
    before.current = { ...now, atEnd: was.atEnd || now.waiting > was.waiting };
    if (before.current.atEnd && messages.length > MOST) at.thread.keepLast(KEPT);
  }, [messages, outbox, at.agentTyping.value]);

  const earlier = async () => {
    if (fetching.value || !at.thread.hasEarlier) return;
    fetching.value = true;
    await at.thread.earlier().catch((problem: Error) => (notice.value = problem.message));
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
    const watch = new ResizeObserver(() => before.current.atEnd && (box.scrollTop = box.scrollHeight));
    watch.observe(box);
    return () => {
      box.removeEventListener('scroll', onScroll);
      watch.disconnect();
    };
  }, []);

  const seen = lastSeen(messages, 'contact', at.seenTo.value);
  return (
    <>
      {at.thread.hasEarlier && (
        <button type="button" id="earlier" class="quiet" disabled={fetching.value} onClick={earlier}>
          {t.value.earlier}
        </button>
      )}
      <div role="log" aria-label={t.value.messages}>
        <ol id="thread">
          {messages.map((message, index) => (
            <Row key={message.seq} message={message} before={messages[index - 1]} next={messages[index + 1]} seen={message.seq === seen} />
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
            <i />
            <i />
            <i />
            <span class="unseen">{t.value.typing}</span>
          </>
        )}
      </p>
      {away.value && (
        <button type="button" id="newest" aria-label={t.value.newest} onClick={() => (scroller.current!.scrollTop = scroller.current!.scrollHeight)}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M12 5v13M6 13l6 6 6-6" />
          </svg>
        </button>
      )}
    </>
  );
}

function Row({ message, before, next, seen }: { message: Message; before?: Message; next?: Message; seen: boolean }) {
  const { author, kind, text, createdAt } = message;
  const day = beginsDay(message, before) && <p class="day">{dayName(createdAt, tag.value)}</p>;
  if (kind === 'event') {
    return (
      <li class="event">
        {day}
        <p class="text">{text}</p>
      </li>
    );
  }
  const mine = author.kind === 'contact';
  const follows = together(before, message);
  const goesOn = together(message, next);
  return (
    <li class={`${mine ? 'mine' : ''} ${goesOn ? 'goes-on' : ''}`}>
      {day}
      {!mine && !follows && author.name && (
        <p class="small">
          <bdi>{author.name}</bdi>
        </p>
      )}
      <p class="text" dir="auto">
        <Text text={text} />
      </p>
      {(!goesOn || seen) && (
        <p class="small">
          <When at={createdAt} locale={tag.value} dayKnown />
          {seen && ` · ${t.value.seen}`}
        </p>
      )}
    </li>
  );
}

function Waiting({ item, at }: { item: Pending; at: Session }) {
  const { id, text, refused } = item;
  return (
    <li>
      <p class="text" dir="auto">
        {text}
      </p>
      <p class="small">
        {refused ? (
          <>
            <span class="error">
              {t.value.notSent} {refused}{' '}
            </span>
            <button type="button" class="quiet" onClick={() => at.again(id)}>
              {t.value.again}
            </button>
          </>
        ) : at.live.value ? (
          t.value.sending
        ) : (
          t.value.waiting
        )}
      </p>
    </li>
  );
}
